"""Requests that are answered where they arrive."""

from query.parameters import Parameters
from query.quick import Quick


def asked(**values: str) -> Parameters:
    return Parameters({name: [value] for name, value in values.items()})


def test_a_request_is_quick_once_its_last_answer_was() -> None:
    quick, found = Quick(), asked(query="up", start="1000", end="1600", step="15")
    key = quick.key("/query_range", found)
    assert key not in quick

    quick.note(key, 0.0005)
    later = asked(query="up", start="1015", end="1615", step="15")
    assert quick.key("/query_range", later) in quick

    quick.note(key, 0.5)
    assert key not in quick


def test_another_length_hour_step_or_path_is_another_request() -> None:
    quick, found = Quick(), {"query": "up", "start": "1000", "end": "1600", "step": "15"}
    quick.note(quick.key("/query_range", asked(**found)), 0.0001)

    for change in ({"start": "0"}, {"start": "9000", "end": "9600"}, {"step": "1"}, {"query": "down"}):
        assert quick.key("/query_range", asked(**found | change)) not in quick
    assert quick.key("/query", asked(**found)) not in quick


def test_a_request_without_numbers_for_times_is_never_quick() -> None:
    quick = Quick()
    for values in ({"query": "up"}, {"query": "up", "time": "2026-11-23T00:00:00Z"}, {"time": "5"}):
        key = quick.key("/query", asked(**values))
        quick.note(key, 0.0)
        assert key is None and key not in quick


def test_only_so_many_requests_are_remembered() -> None:
    quick = Quick()
    for number in range(1_500):
        quick.note(quick.key("/query", asked(query=str(number), time="1")), 0.0)

    assert quick.key("/query", asked(query="0", time="1")) not in quick
    assert quick.key("/query", asked(query="1499", time="1")) in quick
