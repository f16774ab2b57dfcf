"""What was acknowledged is in the log, whatever happens to its files."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import wal as wal_module
from ingest.segment import (
    HEADER,
    Damage,
    Entry,
    Position,
    encode,
    read_segment,
    segment_numbers,
    segment_path,
)
from ingest.wal import WriteAheadLog, write_all
from storage.errors import OverloadedError
from storage.model import STALE_NAN_BITS, Metadata, SampleBatch, SeriesRow, canonical, encode_labels
from tests.peers import wait_until

Opener = Callable[..., WriteAheadLog]


def entry(rows: int, seed: int = 0) -> Entry:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 1 << 63, rows, dtype=np.uint64)
    bits[:1] = STALE_NAN_BITS
    samples = SampleBatch(
        rng.integers(0, 1 << 63, rows, dtype=np.uint64),
        rng.integers(0, 1 << 63, rows, dtype=np.uint64),
        rng.integers(-(1 << 40), 1 << 40, rows, dtype=np.int64),
        bits.view(np.float64),
    )
    labels = canonical({"__name__": "m", "é": f'"{seed}"\n'})
    return Entry(
        samples,
        [SeriesRow(1, 2**64 - 1, -1, "m", encode_labels(labels))],
        [Metadata("m", "counter", "hélp", "s")],
    )


def flat(found: list[Entry]) -> list[tuple[bytes, ...]]:
    """Entries as comparable bytes, without regard to how they were cut into records."""
    samples = [one.samples for one in found if len(one.samples)]
    columns = [
        np.concatenate([getattr(batch, name) for batch in samples]).tobytes() if samples else b""
        for name in ("metric_ids", "series_ids", "timestamps_ms", "values")
    ]
    rows = repr([row for one in found for row in one.series]).encode()
    metadata = repr([row for one in found for row in one.metadata]).encode()
    return [(*columns, rows, metadata)]


def opened(directory: Path, **options: int) -> WriteAheadLog:
    return WriteAheadLog(directory, lambda _entry, _end: None, lambda: None, **options)


def replayed(directory: Path) -> tuple[list[Entry], list[Damage]]:
    _, entries, damages = opened(directory).replay()
    return [one for _, one in entries], damages


def test_entries_come_back_in_order_and_bit_by_bit(tmp_path: Path) -> None:
    log = opened(tmp_path, segment_bytes=2_000)
    log.start()
    written = [entry(rows, rows) for rows in (1, 0, 50, 7, 200)]

    for one in written:
        log.append(one).result()
    log.stop()

    found, damages = replayed(tmp_path)
    assert flat(found) == flat(written)
    assert damages == []
    assert len(segment_numbers(tmp_path)) > 1


def test_many_requests_share_a_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0
    gate = threading.Event()
    real = wal_module.os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal syncs
        syncs += 1
        gate.wait(10)
        real(descriptor)

    monkeypatch.setattr(wal_module.os, "fdatasync", counted)
    log = opened(tmp_path)
    log.start()
    futures = [log.append(entry(1, i)) for i in range(100)]
    gate.set()
    for future in futures:
        future.result()
    log.stop()

    assert syncs <= 3


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_torn_tail_costs_only_what_it_tears(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("wal")
    ends = write_segment(directory, rows=[3, 1, 4])
    size = segment_path(directory, 1).stat().st_size
    cut = data.draw(st.integers(0, size))
    with segment_path(directory, 1).open("r+b") as file:
        file.truncate(cut)

    damages: list[Damage] = []
    found = list(read_segment(directory, 1, 0, damages))

    assert [end.offset for end, _ in found] == [end for end in ends if end <= cut]
    assert sum(damage.lost_bytes for damage in damages) == cut - max(
        [end for end in ends if end <= cut], default=HEADER.size if cut >= HEADER.size else 0
    )


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_never_passes_as_data(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("wal")
    ends = write_segment(directory, rows=[3, 1, 4])
    path = segment_path(directory, 1)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    damages: list[Damage] = []
    found = list(read_segment(directory, 1, 0, damages))

    starts = [HEADER.size, *ends[:-1]]
    sound = [end for start, end in zip(starts, ends, strict=True) if not start <= at < end]
    version, padding = range(8, 12), range(12, HEADER.size)
    assert [end.offset for end, _ in found] == ([] if at in version else sound)
    assert len(damages) == (at not in padding)


def test_bytes_that_only_look_like_a_record_are_not_one(tmp_path: Path) -> None:
    ends = write_segment(tmp_path, rows=[2, 2])
    content = bytearray(segment_path(tmp_path, 1).read_bytes())
    fake = (8).to_bytes(4, "little") + (1).to_bytes(4, "little") + bytes(16)
    content[HEADER.size : HEADER.size] = fake
    segment_path(tmp_path, 1).write_bytes(content)

    damages: list[Damage] = []
    found = list(read_segment(tmp_path, 1, 0, damages))

    assert [end.offset - len(fake) for end, _ in found] == ends
    assert [(one.position.offset, one.lost_bytes) for one in damages] == [(HEADER.size, len(fake))]


def test_damage_in_one_segment_leaves_the_others_alone(tmp_path: Path) -> None:
    write_segment(tmp_path, rows=[3], number=1)
    write_segment(tmp_path, rows=[5], number=2)
    segment_path(tmp_path, 1).write_bytes(b"not a log")

    found, damages = replayed(tmp_path)

    assert flat(found) == flat([entry(5, 0)])
    assert [damage.position for damage in damages] == [Position(1, 0)]


def test_replay_begins_at_the_checkpoint_and_segments_before_it_go(tmp_path: Path) -> None:
    ends = write_segment(tmp_path, rows=[3, 1], number=1)
    write_segment(tmp_path, rows=[5], number=2)
    log = opened(tmp_path)
    log.checkpoint(Position(1, ends[2]), Position(2, 0))

    checkpoint, entries, _ = opened(tmp_path).replay()

    assert checkpoint.writing == Position(2, 0)
    assert flat([one for _, one in entries]) == flat([entry(1, 1), entry(5, 0)])
    log.checkpoint(Position(2, 0), Position(2, 0))
    assert segment_numbers(tmp_path) == [2]


def test_an_unreadable_checkpoint_replays_everything(tmp_path: Path) -> None:
    write_segment(tmp_path, rows=[3])
    (tmp_path / "checkpoint.json").write_text("{]")

    assert flat(replayed(tmp_path)[0]) == flat([entry(3, 0)])


def test_a_full_disk_refuses_and_later_takes_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = []
    log = WriteAheadLog(tmp_path, lambda _entry, _end: None, lambda: failures.append(1))
    log.start()
    log.append(entry(2, 1)).result()

    def full(descriptor: int, buffers: list[bytes]) -> None:
        write_all(descriptor, [bytes(buffers[0])[:5]])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(wal_module, "write_all", full)
    with pytest.raises(OverloadedError, match="No space left on device"):
        log.append(entry(3, 2)).result()
    with pytest.raises(OverloadedError):
        log.append(entry(3, 2)).result()
    monkeypatch.setattr(wal_module, "write_all", write_all)
    log.append(entry(4, 3)).result()
    log.stop()

    found, damages = replayed(tmp_path)
    assert flat(found) == flat([entry(2, 1), entry(4, 3)])
    assert damages == []
    assert len(failures) == 2


def test_a_log_at_its_limit_pushes_back(tmp_path: Path) -> None:
    log = opened(tmp_path, max_bytes=3_000)
    log.start()
    log.append(entry(100)).result()

    with pytest.raises(OverloadedError, match=r"ingest\.wal_bytes"):
        log.append(entry(1))
    log.stop()


def write_segment(directory: Path, rows: list[int], number: int = 1) -> list[int]:
    """Write entries of so many rows as one segment; gives the offset behind each record."""
    content = bytearray(HEADER.pack(b"SWELLWAL", 1))
    ends = []
    for seed, count in enumerate(rows):
        buffers = encode(entry(count, seed))
        record_heads = [
            i for i, buffer in enumerate(buffers) if len(buffer) == 16 and isinstance(buffer, bytes)
        ]
        for i, buffer in enumerate(buffers):
            if i in record_heads and i > 0:
                ends.append(len(content))
            content += bytes(buffer)
        ends.append(len(content))
    segment_path(directory, number).write_bytes(content)
    return ends


def test_a_log_of_which_everything_is_stored_is_cut(tmp_path: Path) -> None:
    ends: list[Position] = []
    log = WriteAheadLog(tmp_path, lambda _entry, end: ends.append(end), lambda: None)
    log.start()
    log.append(entry(150_000)).result()
    log.checkpoint(ends[-1], ends[-1])
    wait_until(lambda: log.size_bytes < 1_000, "the log is cut")
    log.append(entry(10, 1)).result()
    log.stop()
    found, damages = replayed(tmp_path)
    assert not damages
    assert flat(found) == flat([entry(10, 1)])


def test_a_log_with_something_that_is_not_stored_is_kept(tmp_path: Path) -> None:
    ends: list[Position] = []
    log = WriteAheadLog(tmp_path, lambda _entry, end: ends.append(end), lambda: None)
    log.start()
    for i in range(2):
        log.append(entry(150_000, i)).result()
    log.checkpoint(ends[0], ends[1])
    log.stop()
    found, _ = replayed(tmp_path)
    assert flat(found) == flat([entry(150_000, 1)])
