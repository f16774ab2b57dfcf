"""Which series a set of matchers selects."""

import itertools
import re
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.errors import InputError
from storage.model import DAY_MS, Labels, Matcher, MatchOp, TimeRange
from tests.storage.building import ALWAYS, series_row

SERIES = [
    {"name": "up", "job": "node", "instance": "a:9100"},
    {"name": "up", "job": "node", "instance": "b:9100", "cluster": "eu"},
    {"name": "up", "job": "api", "instance": "a:80", "note": "two\nlines"},
    {"name": "uptime", "job": "api"},
    {"name": "down"},
]

# selector -> the rows of SERIES that it selects
CASES: list[tuple[str, list[int]]] = [
    ("", [0, 1, 2, 3, 4]),
    ("__name__=up", [0, 1, 2]),
    ("__name__=nothing", []),
    ("__name__=", []),
    ("__name__!=up", [3, 4]),
    ("__name__=~up", [0, 1, 2]),
    ("__name__=~up.*", [0, 1, 2, 3]),
    ("__name__=~u", []),
    ("__name__!~up|down", [3]),
    ("__name__=up __name__!~u.*", []),
    ("__name__=up __name__=down", []),
    ("job=node", [0, 1]),
    ("job=", [4]),
    ("job!=", [0, 1, 2, 3]),
    ("job!=node", [2, 3, 4]),
    ("job=~", [4]),
    ("job=~.*", [0, 1, 2, 3, 4]),
    ("job=~.+", [0, 1, 2, 3]),
    ("job!~.+", [4]),
    ("job!~", [0, 1, 2, 3]),
    ("job=~node|", [0, 1, 4]),
    ("job=~n", []),
    ("job=~(?i)NODE", [0, 1]),
    ("job=node job!=node", []),
    ("__name__=up cluster=", [0, 2]),
    ("__name__=up cluster!=eu", [0, 2]),
    ("__name__=up cluster=~e.|us", [1]),
    ("__name__=up unknown=", [0, 1, 2]),
    ("__name__=up unknown!=", []),
    ("__name__=up unknown=~.*", [0, 1, 2]),
    ("__name__=up unknown!~x", [0, 1, 2]),
    ("instance=~a:.*", [0, 2]),
    ("instance=~a:\\d{4}", [0]),
    ("instance=a:9100 job=node", [0]),
    ("note=~two.lines", [2]),
    ("note=~two$", []),
    ("note!~.*lines", [0, 1, 3, 4]),
]


def parse(selector: str) -> list[Matcher]:
    """Matchers written as `name=value` and so on, between spaces."""
    found = []
    for text in selector.split():
        op = min(
            (op for op in ("=~", "!~", "!=", "=") if op in text), key=lambda op: (text.index(op), -len(op))
        )
        name, _, value = text.partition(op)
        found.append(Matcher(name, MatchOp(op), value))
    return found


@pytest.fixture
def catalogue(storage: ClickHouseStorage) -> Catalogue:
    storage.write_series([series_row(0, **labels) for labels in SERIES])
    return Catalogue(storage)


def selected(catalogue: Catalogue, matchers: list[Matcher], days: TimeRange = ALWAYS) -> list[Labels]:
    return sorted(
        tuple(sorted(row.items()))
        for selection in catalogue.select(matchers, days)
        for row in selection.labels.rows()
    )


def test_matchers_select_what_prometheus_selects(catalogue: Catalogue) -> None:
    found = {selector: selected(catalogue, parse(selector)) for selector, _ in CASES}

    expected = {selector: sorted(series_row(0, **SERIES[i]).labels for i in rows) for selector, rows in CASES}
    assert found == expected


def test_ids_ascend_and_stand_beside_their_labels(catalogue: Catalogue) -> None:
    ids = {series_row(0, **labels).series_id: series_row(0, **labels).labels for labels in SERIES}
    for selection in catalogue.select([], ALWAYS):
        found = selection.series_ids.tolist()
        assert found == sorted(found)
        assert [tuple(row.items()) for row in selection.labels.rows()] == [ids[one] for one in found]


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "*", "(?<n>", "a\\", "(?=a)", "\\1", "[z-a]"])
def test_a_pattern_that_is_not_re2_is_refused(catalogue: Catalogue, pattern: str) -> None:
    for op in (MatchOp.REGEX, MatchOp.NOT_REGEX):
        for name in ("job", "__name__", "unknown"):
            with pytest.raises(InputError, match="is not RE2"):
                catalogue.select([Matcher(name, op, pattern)], ALWAYS)


def test_a_pattern_costs_no_more_than_its_length(catalogue: Catalogue) -> None:
    assert selected(catalogue, [Matcher("job", MatchOp.REGEX, "(a*)*" * 50 + "b")]) == []


@pytest.mark.parametrize(
    ("first_day", "last_day", "pods"),
    [(0, 0, []), (1, 1, ["old"]), (1, 2, ["old"]), (2, 3, ["new", "old"]), (4, 9, ["new"]), (-5, 0, [])],
)
def test_a_series_is_selected_on_the_days_it_was_seen(
    embedded_storage: ClickHouseStorage, first_day: int, last_day: int, pods: list[str]
) -> None:
    for day, pod in [(1, "old"), (2, "old"), (3, "new"), (8, "new")]:
        embedded_storage.write_series([series_row(day, name="up", pod=pod)])
    days = TimeRange(first_day * DAY_MS, (last_day + 1) * DAY_MS - 1)

    assert Catalogue(embedded_storage).label_values("pod", [], days) == pods


def test_a_series_is_visible_as_soon_as_it_is_written(embedded_storage: ClickHouseStorage) -> None:
    catalogue = Catalogue(embedded_storage)
    up = parse("__name__=up")
    assert selected(catalogue, up) == []
    for i in range(3):
        row = series_row(i, name="up", pod=str(i))
        embedded_storage.write_series([row])
        assert row.labels in selected(catalogue, up)
    assert len(selected(catalogue, up)) == 3
    later = TimeRange(7 * DAY_MS, 7 * DAY_MS)
    assert selected(catalogue, up, later) == []
    embedded_storage.write_series([series_row(7, name="up", pod="1")])
    assert selected(catalogue, up, later) == [series_row(0, name="up", pod="1").labels]


def test_label_names_and_values_are_those_of_the_selected_series(catalogue: Catalogue) -> None:
    node = parse("__name__=up job=node")
    api = parse("job=api")

    assert catalogue.label_names([], ALWAYS) == ["__name__", "cluster", "instance", "job", "note"]
    assert catalogue.label_names([node], ALWAYS) == ["__name__", "cluster", "instance", "job"]
    assert catalogue.label_names([parse("__name__=down")], ALWAYS) == ["__name__"]
    assert catalogue.label_values("__name__", [], ALWAYS) == ["down", "up", "uptime"]
    assert catalogue.label_values("instance", [node], ALWAYS) == ["a:9100", "b:9100"]
    assert catalogue.label_values("instance", [node, api], ALWAYS) == ["a:80", "a:9100", "b:9100"]
    assert catalogue.label_values("unknown", [], ALWAYS) == []
    assert catalogue.label_names([], TimeRange(5 * DAY_MS, 5 * DAY_MS)) == []


def test_threads_select_while_series_arrive(embedded_storage: ClickHouseStorage) -> None:
    catalogue = Catalogue(embedded_storage)
    failures = []

    def select() -> None:
        known = 0
        for _ in range(30):
            now = len(selected(catalogue, parse("__name__=~u.*")))
            if now < known:
                failures.append((known, now))
            known = now

    threads = [threading.Thread(target=select) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(10):
        embedded_storage.write_series([series_row(0, name=f"u{i % 3}", pod=str(i))])
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(selected(catalogue, [])) == 10


POPULATION = [
    series_row(first + stay, name=name, x=x, y=y)
    for (name, x, y), first in zip(
        itertools.product(["", "a", "ab", "b"], ["", "a", "ba", "a\nb"], ["", "b", "ab"]),
        itertools.cycle(range(5)),
        strict=False,
    )
    for stay in {0, first % 3}
]
NAMES = st.sampled_from(["__name__", "x", "y", "unknown"])
VALUES = st.sampled_from(["", "a", "b", "ab", "ba", "a\nb"])
PATTERNS = st.sampled_from(["", "a", "b", "a|b", ".*", ".+", "a.*", "[ab]+", "a?b?", "a.b", "^a$", "z", "a|"])
MATCHERS = st.one_of(
    st.builds(Matcher, NAMES, st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL]), VALUES),
    st.builds(Matcher, NAMES, st.sampled_from([MatchOp.REGEX, MatchOp.NOT_REGEX]), PATTERNS),
)


@pytest.fixture
def populated(embedded_storage: ClickHouseStorage) -> Catalogue:
    embedded_storage.write_series(POPULATION)
    return Catalogue(embedded_storage)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # it is only read
@given(st.lists(MATCHERS, max_size=3), st.integers(0, 7), st.integers(0, 7))
def test_a_selection_is_what_a_plain_filter_keeps(
    populated: Catalogue, matchers: list[Matcher], one: int, other: int
) -> None:
    first, last = sorted((one, other))

    found = selected(populated, matchers, TimeRange(first * DAY_MS, last * DAY_MS))

    seen: dict[Labels, list[int]] = {}
    for row in POPULATION:
        seen.setdefault(row.labels, []).append(row.day)
    wanted = [labels for labels, days in seen.items() if min(days) <= last and max(days) >= first]
    assert found == sorted(labels for labels in wanted if all(passes(dict(labels), m) for m in matchers))


def passes(labels: dict[str, str], matcher: Matcher) -> bool:
    value = labels.get(matcher.name, "")
    if matcher.op in (MatchOp.EQUAL, MatchOp.NOT_EQUAL):
        return (value == matcher.value) is (matcher.op is MatchOp.EQUAL)
    return (re.fullmatch(matcher.value, value, re.DOTALL) is not None) is (matcher.op is MatchOp.REGEX)
