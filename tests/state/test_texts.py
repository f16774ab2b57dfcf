"""What is read from text: quantities, schedules, times, keys of labels, allow-lists."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from collector.state.choice import Allowed, picked
from collector.state.moment import moment
from collector.state.naming import label_names
from collector.state.quantity import amount, portion
from collector.state.schedule import schedule

HERE = Path(__file__).parent


def _lines(name: str) -> list[str]:
    return [line for line in (HERE / name).read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", _lines("quantities.txt"))
def test_a_quantity_is_exact_to_a_thousandth_and_rounded_up(line: str) -> None:
    text, expected = line.replace("''", "").rsplit(" ", 1)
    if expected == "refused":
        with pytest.raises(ValueError, match="quantity"):
            amount(text)
    else:
        assert amount(text) == float(expected)


@given(some.integers(-(10**15), 10**15))
def test_thousandths_are_kept_as_they_are(thousandths: int) -> None:
    assert amount(f"{thousandths}m") == float(Decimal(thousandths) / 1000)


@given(some.text(max_size=20))
def test_any_text_is_a_quantity_or_refused(text: str) -> None:
    try:
        amount(text)
    except ValueError as error:
        assert "quantity" in str(error)


def test_percentages_are_rounded_as_asked() -> None:
    assert portion(3, 10, True) == 3
    assert portion("33%", 10, True) == 4
    assert portion("33%", 10, False) == 3
    with pytest.raises(ValueError, match="percentage"):
        portion("many", 10, False)


@pytest.mark.parametrize("line", _lines("schedules.txt"))
def test_a_schedule_is_due_next(line: str) -> None:
    text, zone, since, expected = (part.strip() for part in line.split("|"))
    if expected == "invalid":
        with pytest.raises(ValueError, match=r"schedule|time zone"):
            schedule(text, zone)
        return
    found = schedule(text, zone).next_after(datetime.fromisoformat(since).timestamp())

    assert found == (None if expected == "never" else datetime.fromisoformat(expected).timestamp())


@given(
    some.sampled_from(["0", "*/7", "3,33", "59"]),
    some.sampled_from(["*", "2", "1-3", "22,23"]),
    some.sampled_from(["*", "1", "28-31"]),
    some.sampled_from(["*", "3", "oct-nov"]),
    some.sampled_from(["*", "0", "1-5"]),
    some.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    some.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),
)
def test_nothing_is_due_before_the_next_time(
    minute: str, hour: str, day: str, month: str, weekday: str, zone: str, start: datetime
) -> None:
    """Looked at minute by minute, for two days."""
    known = schedule(f"{minute} {hour} {day} {month} {weekday}", zone)
    at = start.replace(tzinfo=UTC, second=0, microsecond=0)
    expected = None
    for _ in range(2 * 1440):
        at += timedelta(minutes=1)
        local = at.astimezone(known.zone)
        days = local.day in known.days, local.isoweekday() % 7 in known.weekdays
        is_day = any(days) if known.is_either_day else all(days)
        is_time = local.hour in known.hours and local.minute in known.minutes
        if is_day and is_time and local.month in known.months:
            expected = at.timestamp()
            break
    found = known.next_after(start.replace(tzinfo=UTC).timestamp())

    assert found == expected if expected is not None else found is None or found > at.timestamp()


@given(some.text(max_size=30), some.text(max_size=10))
def test_any_schedule_is_read_or_refused(text: str, zone: str) -> None:
    try:
        schedule(text, zone).next_after(1_782_468_900)
    except ValueError:
        return


def test_times_are_whole_seconds_since_the_epoch() -> None:
    assert moment("2026-06-26T10:14:00Z") == 1782468840
    assert moment("2026-06-26T10:14:00.987654Z") == 1782468840
    assert moment("2026-06-26T12:14:00+02:00") == 1782468840
    assert moment("") is None
    assert moment(None) is None
    with pytest.raises(ValueError, match="yesterday"):
        moment("yesterday")


def test_keys_become_label_names() -> None:
    assert label_names("label", {"app.kubernetes.io/partOf": "a", "über": "b", "0": "c"}) == {
        "label_app_kubernetes_io_part_of": "a",
        "label__ber": "b",
        "label_0": "c",
    }


def test_keys_that_come_to_one_name_are_numbered_in_their_order() -> None:
    pairs = {"foo_bar": "2", "foo-bar": "1", "foo_bar_conflict1": "3", "other": "4"}

    assert label_names("label", pairs) == {
        "label_foo_bar_conflict2": "1",
        "label_foo_bar_conflict3": "2",
        "label_foo_bar_conflict1": "3",
        "label_other": "4",
    }


@given(some.dictionaries(some.text(alphabet="aB_-./1c", max_size=6), some.text(max_size=2)))
def test_no_label_gets_lost(pairs: dict[str, str]) -> None:
    assert sorted(label_names("label", pairs).values()) == sorted(pairs.values())


def test_an_allow_list_names_keys_by_resource() -> None:
    allowed = Allowed.parse("pods=[app, team],nodes=[*],*=[app.kubernetes.io/*]")

    assert allowed.of("pods") == {"app", "team"}
    assert allowed.of("nodes") == {"*"}
    pairs = {"app.kubernetes.io/name": "x", "app": "y"}
    assert picked(pairs, allowed.of("services")) == {"app.kubernetes.io/name": "x"}
    assert picked(pairs, allowed.of("nodes")) == pairs
    assert picked(pairs, allowed.of("pods")) == {"app": "y"}
    assert Allowed.parse("").of("pods") == frozenset()


@pytest.mark.parametrize("text", ["pods", "pods=app", "pods=[app", "pods=[app]nodes=[a]", "Pods=[app]"])
def test_an_allow_list_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="allow-list"):
        Allowed.parse(text)
