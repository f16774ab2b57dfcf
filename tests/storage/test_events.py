"""Events, and what is said of sources, on every backend."""

from dataclasses import replace

from storage.clickhouse import ClickHouseStorage
from storage.events import VERSION_BITS, Event, Source, SourceChange
from storage.model import TimeRange
from tests.peers import wait_until
from tests.storage.building import ALWAYS

EVENT = Event(
    2**64 - 1, 1_000, 2_000, "deploy 'it' \\ ä", "warn", "user", "a\nb", {"k": "v"}, ("t", "u"), ("h",)
)


def change(kind: str, text: str, version: int, is_set: bool = True, source: str = "web-1") -> SourceChange:
    return SourceChange(source, kind, text, is_set, version << VERSION_BITS)


def test_events_that_overlap_with_a_range_come_sorted_and_once(storage: ClickHouseStorage) -> None:
    later, never = (
        replace(EVENT, id=1, start_ms=1_500, end_ms=1_500),
        replace(EVENT, id=2, start_ms=9, end_ms=9),
    )
    storage.write_events([later, EVENT, never])
    storage.write_events([EVENT])

    assert storage.read_events(ALWAYS) == [never, EVENT, later]
    assert storage.read_events(TimeRange(2_000, 3_000)) == [EVENT]
    assert storage.read_events(TimeRange(0, 9)) == [never]
    assert storage.read_events(TimeRange(2_001, 3_000)) == []


def test_events_that_ended_before_retention_begins_are_dropped(storage: ClickHouseStorage) -> None:
    old = replace(EVENT, id=1, start_ms=5, end_ms=1_999)
    storage.write_events([old, EVENT])

    storage.drop_before(2_000)
    storage.drop_before(2_000)

    wait_until(lambda: storage.read_events(ALWAYS) == [EVENT], "the old event gone")


def test_of_each_tag_and_of_the_description_the_last_change_counts(storage: ClickHouseStorage) -> None:
    assert storage.read_sources() == []
    storage.write_source_changes(
        [change("tag", "b", 2), change("tag", "a", 3), change("description", "old", 1)]
    )
    storage.write_source_changes([change("tag", "b", 4, False), change("description", "new", 5)])
    storage.write_source_changes([change("tag", "x", 1, source="db")])
    storage.write_source_changes([change("description", "old", 1)])

    assert storage.read_sources() == [Source("db", ("x",), "", 1), Source("web-1", ("a",), "new", 5)]


def test_saved_tags_are_all_that_a_source_has(storage: ClickHouseStorage) -> None:
    storage.write_source_changes([change("tag", "old", 1), change("tag", "kept", 1)])
    storage.write_source_changes(
        [change("tags", "", 2, False), change("tag", "kept", 2), change("tag", "new", 2)]
    )

    assert storage.read_sources() == [Source("web-1", ("kept", "new"), "", 2)]
