from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.timerange import PRESETS, describe, is_live, resolve, resolve_range
from storage.errors import InputError

NOW_MS = 1_772_637_377_000


def cases() -> Iterator[tuple[str, bool, int, str]]:
    for line in (Path(__file__).parent / "timerange.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            text, side, now, expected = line.split("|")
            yield text.strip(), side.strip() == "end", milliseconds(now), expected.strip()


def milliseconds(text: str) -> int:
    moment = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


@pytest.mark.parametrize(("text", "is_end", "now_ms", "expected"), list(cases()))
def test_a_time_resolves_as_its_case_says(text: str, is_end: bool, now_ms: int, expected: str) -> None:
    if expected == "error":
        with pytest.raises(InputError, match="expected now, now-6h"):
            resolve(text, now_ms, is_end=is_end)
    else:
        assert resolve(text, now_ms, is_end=is_end) == milliseconds(expected)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_an_input_error(text: str) -> None:
    try:
        resolve(text, NOW_MS)
    except InputError:
        return


@pytest.mark.parametrize(("start", "end"), PRESETS)
def test_every_preset_is_a_range_with_a_name(start: str, end: str) -> None:
    found = resolve_range(start, end, NOW_MS)

    assert found.start_ms < found.end_ms
    assert describe(start, end)[0].isupper()


def test_an_empty_range_is_refused_with_both_ends() -> None:
    with pytest.raises(InputError, match=r"'now' to 'now-1h' is empty"):
        resolve_range("now", "now-1h", NOW_MS)


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("now-1h", "now", "Last 1 hour"),
        ("now-6h", "now", "Last 6 hours"),
        ("now-1d/d", "now-1d/d", "Yesterday"),
        ("1772637377000", "1772640977000", "2026-03-04 15:16:17 to 2026-03-04 16:16:17"),
        ("2026-03-01", "now", "2026-03-01 to now"),
    ],
)
def test_a_range_is_named_as_people_say_it(start: str, end: str, name: str) -> None:
    assert describe(start, end) == name


def test_only_a_range_that_ends_relative_to_now_is_live() -> None:
    assert is_live("now")
    assert is_live(" now-5m")
    assert not is_live("1772637377000")
