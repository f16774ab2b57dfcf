"""Series and metadata go in and come out, and a version tells of new ones."""

import threading

import pytest

from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.model import Matcher, MatchOp, Metadata, metric_id
from storage.server import Address, ServerSession
from tests.peers import ClickHouseServer
from tests.storage.building import ALWAYS, series_row

ODD = "tab\tnull\x00quote'\"back\\slash\nline ü 日本 \x7f"


def test_labels_survive_whatever_they_hold(storage: ClickHouseStorage) -> None:
    row = series_row(3, name="m " + ODD.replace("\x00", ""), **{"ключ": ODD, "empty": ""})

    storage.write_series([row])

    found = storage.read_series(None, 0)
    assert [dict(labels) for labels in found.labels] == [dict(row.labels)]
    assert storage.read_metrics() == [(row.metric_id, dict(row.labels)["__name__"])]


def test_a_series_has_the_first_and_the_last_day_it_was_seen(storage: ClickHouseStorage) -> None:
    for day in (5, -2, 5, 3):
        storage.write_series([series_row(day, name="up", pod="a")])
    storage.write_series([series_row(9, name="up", pod="b")])

    found = storage.read_series([metric_id("up")], 0)

    assert sorted(zip(found.first_days.tolist(), found.last_days.tolist(), strict=True)) == [(-2, 5), (9, 9)]


def test_series_of_some_metrics_are_read_alone(storage: ClickHouseStorage) -> None:
    names = [f"m{i}" for i in range(3)]
    storage.write_series([series_row(0, name=name) for name in names])

    many = [metric_id("m1"), *range(5_000)]

    assert len(storage.read_series([], 0)) == 0
    assert storage.read_series([metric_id("m1")], 0).metric_ids.tolist() == [metric_id("m1")]
    assert storage.read_series(many, 0).metric_ids.tolist() == [metric_id("m1")]
    assert storage.read_series(None, 0).metric_ids.tolist() == sorted(map(metric_id, names))


def test_the_version_grows_with_every_write(storage: ClickHouseStorage) -> None:
    versions = [storage.series_version()]
    for i in range(4):
        storage.write_series([series_row(0, name=f"m{i}")])
        versions.append(storage.series_version())

    assert versions == sorted(set(versions))


def test_a_read_since_a_version_gives_what_came_after(embedded_storage: ClickHouseStorage) -> None:
    embedded_storage.write_series([series_row(0, name="old")])
    version = embedded_storage.series_version()
    embedded_storage.write_series([series_row(0, name="new")])

    found = embedded_storage.read_series(None, version)

    assert found.metric_ids.tolist() == [metric_id("new")]
    assert found.version == embedded_storage.series_version()


def test_writers_in_many_threads_are_all_seen(embedded_storage: ClickHouseStorage) -> None:
    catalogue = Catalogue(embedded_storage)
    seen = []

    def write(thread: int) -> None:
        for i in range(5):
            embedded_storage.write_series([series_row(0, name="up", id=f"{thread}-{i}")])
            seen.append(f"{thread}-{i}" in catalogue.label_values("id", [], ALWAYS))

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert seen == [True] * 20
    assert len(catalogue.label_values("id", [], ALWAYS)) == 20


@pytest.mark.peers
@pytest.mark.parametrize("skew_s", [0, -30, 30, -86_400, 86_400])
def test_a_series_of_another_process_is_seen_after_a_second(
    clickhouse_server: ClickHouseServer, skew_s: int
) -> None:
    now = [0.0]
    address = Address.parse(clickhouse_server.url(f"skew{skew_s + 86_400}"))
    writer = ClickHouseStorage(ServerSession(address), lambda: 1e9 + skew_s)
    reader = ClickHouseStorage(ServerSession(address), lambda: 1e9, lambda: now[0])
    writer.migrate()
    catalogue = Catalogue(reader)

    def names() -> list[str]:
        return catalogue.label_values("__name__", [[Matcher("job", MatchOp.EQUAL, "")]], ALWAYS)

    reader.write_series([series_row(0, name="own")])
    assert names() == ["own"]
    writer.write_series([series_row(0, name="theirs")])
    now[0] += 1.01
    assert names() == ["own", "theirs"]
    writer.close()
    reader.close()


def test_the_last_metadata_of_a_metric_wins(embedded_storage: ClickHouseStorage) -> None:
    now = [1.0]
    storage = ClickHouseStorage(embedded_storage._session, lambda: now[0])
    first = [Metadata("a", "gauge", "old", ""), Metadata("b'", "counter", ODD, "bytes")]
    storage.write_metadata(first)
    now[0] = 2.0
    storage.write_metadata([Metadata("a", "counter", "new", "seconds")])

    assert storage.read_metadata("a") == [Metadata("a", "counter", "new", "seconds")]
    assert storage.read_metadata("b'") == first[1:]
    assert [found.metric for found in storage.read_metadata(None)] == ["a", "b'"]
    assert storage.read_metadata("nothing") == []


def test_metadata_is_read_back(storage: ClickHouseStorage) -> None:
    rows = [Metadata("a", "gauge", ODD, ""), Metadata("b", "counter", "", "bytes")]
    storage.write_metadata(rows)
    storage.write_metadata([])

    assert storage.read_metadata(None) == rows


def test_an_empty_store_answers_with_nothing(storage: ClickHouseStorage) -> None:
    assert len(storage.read_samples(1, None, ALWAYS)) == 0
    assert len(storage.read_series(None, 0)) == 0
    assert storage.read_metrics() == []
    assert storage.read_metadata(None) == []
    assert storage.drop_before(0) == 0
    storage.write_series([])


def test_the_size_grows_with_what_is_stored(storage: ClickHouseStorage) -> None:
    before = storage.size_bytes()
    storage.write_series([series_row(0, name="up")])

    assert storage.size_bytes() > before
