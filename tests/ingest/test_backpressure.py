"""Senders are pushed back before memory or disk runs out, and nothing that was acknowledged is lost."""

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingest.buffer import Buffer
from ingest.limits import Limits
from ingest.metrics import IngestMetrics
from ingest.pipeline import Pipeline
from ingest.quarantine import Quarantine
from ingest.segment import Entry, Position
from ingest.writer import Writer
from storage.errors import UnavailableError
from storage.memory import MemoryStorage
from storage.model import SampleBatch, SeriesRow, metric_id
from tests.ingest.test_limits import Clock, body, write
from tests.ingest.test_series import NOW_MS
from tests.peers import wait_until
from tests.storage.building import ALWAYS, batch, series_row


class Gate(MemoryStorage):
    """A store that can be closed: it is away then."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()
        self.calls: list[str] = []

    def write_samples(self, batch: SampleBatch, token: str) -> None:
        if not self.is_open.is_set():
            raise UnavailableError("the store is away")
        self.calls.append(f"samples {token}")
        super().write_samples(batch, token)

    def write_series(self, rows: list[SeriesRow]) -> None:  # type: ignore[override]
        self.calls.append("series")
        super().write_series(rows)


def opened(tmp_path: Path, storage: MemoryStorage, clock: Clock, **options: Any) -> Pipeline:
    pipeline = Pipeline(
        storage,
        tmp_path / "wal",
        Limits(),
        CollectorRegistry(),
        clock,
        flush_rows=10,
        flush_interval_s=0.001,
        **options,
    )
    pipeline.start()
    return pipeline


@pytest.mark.parametrize(
    ("options", "setting"),
    [({"buffer_bytes": 20_000}, "ingest.buffer_bytes"), ({"wal_bytes": 20_000}, "ingest.wal_bytes")],
    ids=["memory", "disk"],
)
def test_a_store_that_is_away_for_long_pushes_back_and_loses_nothing(
    tmp_path: Path, options: dict[str, int], setting: str
) -> None:
    storage, clock = Gate(), Clock()
    pipeline = opened(tmp_path, storage, clock, **options)
    acknowledged, refused = [], []
    for i in range(200):
        answer = write(pipeline, clock, body(["m"] * 20, NOW_MS + i))
        if answer.status_code == 204:
            acknowledged.append(NOW_MS + i)
        else:
            refused.append(answer)

    assert acknowledged
    assert refused
    assert {answer.status_code for answer in refused} == {503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert setting in refused[-1].text

    storage.is_open.set()
    assert pipeline.flush()
    wait_until(lambda: write(pipeline, clock, body(["m"], NOW_MS + 500)).status_code == 204, "taken again")
    assert pipeline.flush()
    pipeline.stop()
    found = storage.read_samples(metric_id("m"), None, ALWAYS).timestamps_ms.tolist()
    assert found == [*acknowledged, NOW_MS + 500]


def test_what_waits_in_memory_stays_within_its_budget(tmp_path: Path) -> None:
    pipeline, clock = opened(tmp_path, Gate(), Clock(), buffer_bytes=10_000), Clock()
    largest = 20 * 32 + 256
    for i in range(100):
        write(pipeline, clock, body(["m"] * 20, NOW_MS + i))
    waiting = pipeline.metrics.waiting_samples.collect()[0].samples[0].value
    pipeline.stop(grace_s=0)
    assert 0 < waiting * 32 <= 10_000 + largest


def test_a_body_is_not_decoded_where_there_is_no_room_for_it(tmp_path: Path) -> None:
    pipeline, clock = opened(tmp_path, Gate(), Clock(), buffer_bytes=1_000), Clock()
    while write(pipeline, clock, body(["m"] * 20)).status_code == 204:
        pass
    assert write(pipeline, clock, b"no snappy at all").status_code == 503
    pipeline.stop(grace_s=0)


def entry(rows: int, name: str = "m", first_ms: int = 0) -> Entry:
    samples = batch([(1, first_ms + i, float(i)) for i in range(rows)], metric=metric_id(name))
    return Entry(samples, [series_row(0, name=name)])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20), st.integers(1, 50))
def test_a_buffer_gives_whole_entries_in_order_up_to_a_number_of_rows(sizes: list[int], rows: int) -> None:
    buffer = Buffer(1 << 20)
    for i, size in enumerate(sizes):
        buffer.add(entry(size, first_ms=100 * i), Position(1, i))
    buffer.close()
    ends, times = [], []
    while (taken := buffer.take(rows, 0)) is not None:
        first = len(ends)
        ends.append(taken.end.offset)
        took = sizes[(ends[-2] + 1 if first else 0) : ends[-1] + 1]
        assert taken.rows == sum(took)
        assert len(took) == 1 or taken.rows <= rows
        times += taken.samples.timestamps_ms.tolist()
    assert ends[-1] == len(sizes) - 1
    assert times == [100 * i + k for i, size in enumerate(sizes) for k in range(size)]
    assert buffer.rows == 0


def test_a_buffer_is_full_from_its_budget_on_and_empty_again_once_taken() -> None:
    buffer = Buffer(1_000)
    buffer.add(entry(10), Position(1, 1))
    assert not buffer.is_full
    buffer.add(entry(10), Position(1, 2))
    assert buffer.is_full
    buffer.hurry(True)
    taken = buffer.take(1 << 20, within_s=60)
    assert taken is not None
    assert taken.rows == 20
    assert not buffer.is_full


class Book:
    """Checkpoints, in the order in which they were made."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, int]] = []

    def __call__(self, stored: Position, writing: Position) -> None:
        self.entries.append((stored.offset, writing.offset))


def writer_of(storage: MemoryStorage, buffer: Buffer, book: Book, tmp_path: Path) -> Writer:
    metrics = IngestMetrics(CollectorRegistry())
    writer = Writer(storage, buffer, book, metrics, 10, 0.0, Quarantine(tmp_path / "quarantine", 0))
    writer.begin_at(Position(1, 0))
    return writer


def test_a_writer_notes_what_it_is_about_to_store_and_what_it_has(tmp_path: Path) -> None:
    storage, buffer, book = Gate(), Buffer(1 << 20), Book()
    storage.is_open.set()
    writer = writer_of(storage, buffer, book, tmp_path)
    buffer.add(entry(10), Position(1, 100))
    buffer.add(entry(10, "n"), Position(1, 200))
    buffer.close()
    writer.start()

    assert writer.wait_for(Position(1, 200), 10)

    writer.stop(10)
    assert book.entries == [(0, 100), (100, 100), (100, 200), (200, 200)]
    assert storage.calls == ["series", "samples 1.0-1.100", "series", "samples 1.100-1.200"]


def test_a_retry_carries_the_same_token_and_nothing_overtakes_it(tmp_path: Path) -> None:
    storage, buffer, book = Gate(), Buffer(1 << 20), Book()
    writer = writer_of(storage, buffer, book, tmp_path)
    buffer.add(entry(10), Position(1, 100))
    buffer.add(entry(10, "n"), Position(1, 200))
    writer.start()
    wait_until(lambda: storage.calls.count("series") >= 2, "the first batch is tried again")
    assert not writer.wait_for(Position(1, 100), 0)
    storage.is_open.set()

    assert writer.wait_for(Position(1, 200), 10)

    buffer.close()
    writer.stop(10)
    tokens = [call for call in storage.calls if call != "series"]
    assert tokens == ["samples 1.0-1.100", "samples 1.100-1.200"]


def test_a_writer_that_is_stopped_leaves_the_rest_to_the_log(tmp_path: Path) -> None:
    storage, buffer, book = Gate(), Buffer(1 << 20), Book()
    writer = writer_of(storage, buffer, book, tmp_path)
    buffer.add(entry(10), Position(1, 100))
    buffer.close()
    writer.start()

    writer.stop(grace_s=0)

    assert book.entries == [(0, 100)]


def test_a_pipeline_that_is_stopped_takes_nothing_and_its_log_is_stored_at_the_next_start(
    tmp_path: Path,
) -> None:
    storage, clock = Gate(), Clock()
    pipeline = opened(tmp_path, storage, clock)
    assert write(pipeline, clock, body(["m"])).status_code == 204
    pipeline.stop(grace_s=0)
    assert write(pipeline, clock, body(["m"], NOW_MS + 1)).status_code == 503
    assert storage.read_samples(metric_id("m"), None, ALWAYS).timestamps_ms.tolist() == []

    storage.is_open.set()
    opened(tmp_path, storage, clock).stop()

    assert storage.read_samples(metric_id("m"), None, ALWAYS).timestamps_ms.tolist() == [NOW_MS]


def test_a_log_that_cannot_be_written_is_told_to_every_waiting_sender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    storage, clock = Gate(), Clock()
    storage.is_open.set()
    pipeline = opened(tmp_path, storage, clock)
    with monkeypatch.context() as patched:
        patched.setattr("os.fdatasync", broken)
        answer = write(pipeline, clock, body(["m"]))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Input/output error" in answer.text
    assert write(pipeline, clock, body(["m"], NOW_MS + 1)).status_code == 204
    assert pipeline.flush()
    pipeline.stop()
    assert storage.read_samples(metric_id("m"), None, ALWAYS).timestamps_ms.tolist() == [NOW_MS + 1]
    assert storage.read_metrics() == [(metric_id("m"), "m")]
