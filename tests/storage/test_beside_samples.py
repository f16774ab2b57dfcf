"""Exemplars and start timestamps, which lie beside the samples, on every backend."""

from pathlib import Path

import numpy as np
import pytest

from storage import schema
from storage.clickhouse import ClickHouseStorage
from storage.embedded import open_embedded
from storage.exemplars import ExemplarBatch, concat_exemplars, no_exemplars
from storage.model import DAY_MS, TimeRange
from storage.starts import StartBatch, concat_starts, no_starts
from tests.storage.building import ALWAYS, batch
from tests.storage.histograms import batch_of, histogram

Exemplar = tuple[int, int, float, str]
TRACE = '{"trace_id":"äöü\'\\\\"}'


def exemplars(rows: list[Exemplar], metric: int = 1) -> ExemplarBatch:
    return ExemplarBatch(
        np.full(len(rows), metric, np.uint64),
        np.array([row[0] for row in rows], np.uint64),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        [row[3] for row in rows],
    )


def exemplar_rows(found: ExemplarBatch) -> list[Exemplar]:
    columns = (found.series_ids, found.timestamps_ms, found.values)
    return list(zip(*(column.tolist() for column in columns), found.labels, strict=True))


def starts(rows: list[tuple[int, int, int]], metric: int = 1) -> StartBatch:
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    return StartBatch(
        np.full(len(rows), metric, np.uint64), columns[0].astype(np.uint64), columns[1], columns[2]
    )


def start_rows(found: StartBatch) -> list[tuple[int, int, int]]:
    columns = (found.series_ids, found.timestamps_ms, found.starts_ms)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_exemplars_come_sorted_and_once(storage: ClickHouseStorage) -> None:
    rows = [(2, 7, 1.5, TRACE), (1, 9, -2.0, "{}"), (1, -5, 3.0, TRACE)]
    storage.write_exemplars(exemplars(rows), "one")
    storage.write_exemplars(exemplars([*rows, (1, 9, -2.0, TRACE)]), "two")
    storage.write_exemplars(exemplars(rows, metric=2), "three")

    found = storage.read_exemplars(1, None, ALWAYS)

    expected = [(1, -5, 3.0, TRACE), (1, 9, -2.0, TRACE), (1, 9, -2.0, "{}"), (2, 7, 1.5, TRACE)]
    assert exemplar_rows(found) == expected
    assert found.metric_ids.tolist() == [1] * 4
    assert exemplar_rows(storage.read_exemplars(1, np.array([2], np.uint64), TimeRange(7, 7))) == expected[3:]
    assert len(storage.read_exemplars(1, np.arange(2, 5_000, dtype=np.uint64), ALWAYS)) == 1
    assert len(storage.read_exemplars(1, np.empty(0, np.uint64), ALWAYS)) == 0
    assert len(storage.read_exemplars(9, None, ALWAYS)) == 0


def test_starts_come_sorted_and_the_latest_of_a_sample_wins(storage: ClickHouseStorage) -> None:
    storage.write_starts(starts([(2, 10, 3), (1, 30, 7), (1, 20, -4)]), "one")
    storage.write_starts(starts([(1, 30, 9), (2, 10, 3)]), "two")

    assert storage.start_metrics() == {1}
    found = storage.read_starts(1, None, ALWAYS)

    assert start_rows(found) == [(1, 20, -4), (1, 30, 9), (2, 10, 3)]
    assert found.metric_ids.tolist() == [1, 1, 1]
    assert start_rows(storage.read_starts(1, np.array([1], np.uint64), TimeRange(21, 40))) == [(1, 30, 9)]
    assert len(storage.read_starts(1, np.arange(2, 5_000, dtype=np.uint64), ALWAYS)) == 1
    assert len(storage.read_starts(1, np.empty(0, np.uint64), ALWAYS)) == 0


def test_what_lies_beside_samples_expires_with_them_and_counts_as_size(storage: ClickHouseStorage) -> None:
    empty = storage.size_bytes()
    storage.write_samples(batch([(1, 0, 1.0), (1, DAY_MS, 1.0)]), "one")
    storage.write_histograms(batch_of([(1, 0, histogram()), (1, DAY_MS, histogram())]), "one")
    storage.write_exemplars(exemplars([(1, 0, 1.0, "{}"), (1, DAY_MS, 1.0, "{}")]), "one")
    storage.write_starts(starts([(1, 0, 0), (1, DAY_MS, 0)]), "one")
    before = storage.size_bytes()

    assert storage.drop_before(DAY_MS) == 4

    left = [
        read(1, None, ALWAYS).timestamps_ms.tolist()
        for read in (
            storage.read_samples,
            storage.read_histograms,
            storage.read_exemplars,
            storage.read_starts,
        )
    ]
    assert left == [[DAY_MS]] * 4
    assert before > storage.size_bytes() > empty


def test_batches_are_joined_in_order() -> None:
    some, more = exemplars([(1, 2, 3.0, "{}")]), exemplars([(4, 5, 6.0, TRACE)])
    joined = concat_exemplars([some, no_exemplars(), more])
    assert exemplar_rows(joined) == exemplar_rows(some) + exemplar_rows(more)

    one, two = starts([(1, 2, 3)]), starts([(4, 5, 6)])
    assert start_rows(concat_starts([one, no_starts(), two])) == [(1, 2, 3), (4, 5, 6)]


def test_a_store_of_the_first_schema_gets_the_tables_and_keeps_its_samples(
    embedded_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        old = open_embedded(embedded_root, "first_schema")
        old.write_samples(batch([(1, 0, 1.0)]), "one")
        old.close()

    new = open_embedded(embedded_root, "first_schema")
    new.write_histograms(batch_of([(1, 0, histogram())]), "one")

    assert (len(new.read_samples(1, None, ALWAYS)), len(new.read_histograms(1, None, ALWAYS))) == (1, 1)
    new.close()


def test_what_lies_beside_samples_may_span_any_number_of_days(storage: ClickHouseStorage) -> None:
    days = range(130)
    storage.write_exemplars(exemplars([(1, day * DAY_MS, 1.0, TRACE) for day in days]), "one")
    storage.write_starts(starts([(1, day * DAY_MS, 5) for day in days]), "one")
    shape = histogram(3, 4.5, [(-2, 1), (-1, 2)], schema=2)
    storage.write_histograms(batch_of([(1, day * DAY_MS, shape) for day in days]), "one")

    assert len(storage.read_exemplars(1, None, ALWAYS)) == 130
    assert len(storage.read_starts(1, None, ALWAYS)) == 130
    assert len(storage.read_histograms(1, None, ALWAYS)) == 130
