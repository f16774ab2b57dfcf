"""What lies beside samples goes into the log and comes back bit by bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.beside import NOTHING_BESIDE, Batches, join_batches
from ingest.records import (
    decode_exemplars,
    decode_histograms,
    decode_starts,
    encode_exemplars,
    encode_histograms,
    encode_starts,
)
from ingest.segment import HEADER, Damage, Entry, encode, read_segment, segment_path
from ingest.wal import WriteAheadLog
from storage.exemplars import ExemplarBatch
from storage.model import STALE_NAN_BITS, SampleBatch
from storage.starts import StartBatch
from tests.storage.histograms import Row, any_histogram, batch_of, histogram, rows_of, stale_histogram

IDS = st.integers(0, 2**64 - 1)
TIMES = st.integers(-(2**63), 2**63 - 1)
NO_SAMPLES = SampleBatch(
    np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.int64), np.empty(0, np.float64)
)
EVERYTHING = Batches(
    batch_of([(1, 2, stale_histogram()), (3, 4, histogram(3, 4.5, [(-1, 1), (7, 2)], [(0, 1)], schema=-4))]),
    ExemplarBatch(
        np.array([2**64 - 1], np.uint64),
        np.array([2**63], np.uint64),
        np.array([-1], np.int64),
        np.array([STALE_NAN_BITS], np.uint64).view(np.float64),
        ['{"trace_id":"é\\""}'],
    ),
    StartBatch(
        np.array([1, 1], np.uint64),
        np.array([2, 2**64 - 1], np.uint64),
        np.array([-3, 4], np.int64),
        np.array([-5, 2**62], np.int64),
    ),
)


def as_bytes(found: Batches) -> list[object]:
    """Batches as values that compare bit by bit."""
    exemplars, starts = found.exemplars, found.starts
    columns = (exemplars.metric_ids, exemplars.series_ids, exemplars.timestamps_ms, exemplars.values)
    more = (starts.metric_ids, starts.series_ids, starts.timestamps_ms, starts.starts_ms)
    return [
        found.histograms.metric_ids.tolist(),
        rows_of(found.histograms),
        *(column.tobytes() for column in (*columns, *more)),
        list(exemplars.labels),
    ]


@given(st.lists(st.tuples(IDS, TIMES, any_histogram()), max_size=5), IDS)
def test_a_record_of_histograms_is_read_as_it_was_written(
    rows: list[tuple[int, int, Row]], metric: int
) -> None:
    batch = batch_of(rows, metric)

    found = decode_histograms(b"".join(encode_histograms(batch)))

    assert (rows_of(found), found.metric_ids.tolist()) == (rows, [metric] * len(rows))


def test_records_of_exemplars_and_starts_are_read_as_they_were_written() -> None:
    found = Batches(
        EVERYTHING.histograms,
        decode_exemplars(encode_exemplars(EVERYTHING.exemplars)),
        decode_starts(b"".join(encode_starts(EVERYTHING.starts))),
    )

    assert as_bytes(found) == as_bytes(EVERYTHING)


def test_the_log_gives_back_what_lies_beside_samples(tmp_path: Path) -> None:
    log = WriteAheadLog(tmp_path, lambda _entry, _end: None, lambda: None)
    log.start()
    for _ in range(2):
        log.append(Entry(NO_SAMPLES, beside=EVERYTHING)).result()
    log.stop()

    _, entries, damages = WriteAheadLog(tmp_path, lambda _entry, _end: None, lambda: None).replay()
    found = [one.beside or NOTHING_BESIDE for _, one in entries]

    assert as_bytes(join_batches(found)) == as_bytes(join_batches([EVERYTHING] * 2))
    assert [one.rows for one in found] == [2, 1, 0] * 2
    assert damages == []


@given(st.data())
def test_a_torn_or_flipped_record_never_passes_as_data(tmp_path_factory: object, data: st.DataObject) -> None:
    directory: Path = tmp_path_factory.mktemp("wal")  # type: ignore[attr-defined] # pytest's factory
    content = bytearray(HEADER.pack(b"SWELLWAL", 1) + b"".join(encode(Entry(NO_SAMPLES, beside=EVERYTHING))))
    at = data.draw(st.integers(HEADER.size, len(content) - 1))
    is_cut = data.draw(st.booleans())
    if is_cut:
        del content[at:]
    else:
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    segment_path(directory, 1).write_bytes(content)

    damages: list[Damage] = []
    found = [one.beside or NOTHING_BESIDE for _, one in read_segment(directory, 1, 0, damages)]

    joined = as_bytes(join_batches([NOTHING_BESIDE, *found]))
    parts = ("histograms", "exemplars", "starts")
    left = [parts[:1], parts[:2], ()] if is_cut else [parts[1:], parts[::2], parts[:2]]
    assert joined in [
        as_bytes(replace(NOTHING_BESIDE, **{name: getattr(EVERYTHING, name) for name in kept}))
        for kept in left
    ]


def test_a_size_counts_buckets_and_texts() -> None:
    assert Entry(NO_SAMPLES).size_bytes == 0
    assert Entry(NO_SAMPLES, beside=NOTHING_BESIDE).size_bytes == 0
    assert Entry(NO_SAMPLES, beside=EVERYTHING).size_bytes > 300
