"""Bodies on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.body import Body
from collector.spool import Losses, Spool, pack, sync, unpack
from storage.errors import ConfigError, DecodeError

ROOT = Path(__file__).resolve().parents[2]


def body(content: bytes) -> Body:
    return Body(content, 2, 7)


HEADER_BYTES = len(pack(body(b"")))


def contents(spool: Spool) -> list[bytes]:
    found = []
    while (oldest := spool.oldest()) is not None:
        found.append(oldest.content)
        spool.remove_oldest()
    return found


def test_what_is_appended_is_synced_once_and_what_is_gone_by_then_is_no_fault(spool: Spool) -> None:
    spool.append(body(b"a"))
    spool.append(body(b"b"))
    spool.remove_oldest()

    paths = spool.unsynced()
    sync(paths)

    assert len(paths) == 2
    assert spool.unsynced() == []


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", 1 << 20)


def test_bodies_come_out_in_the_order_they_went_in(spool: Spool) -> None:
    for content in (b"a", b"", b"c"):
        spool.append(body(content))

    assert contents(spool) == [b"a", b"", b"c"]
    assert len(spool) == spool.size_bytes == 0


def test_the_next_process_finds_what_waits_and_continues_after_it(spool: Spool, tmp_path: Path) -> None:
    spool.append(body(b"a"))
    spool.append(body(b"b"))
    spool.remove_oldest()
    spool.close()

    again = Spool(tmp_path / "spool", 1 << 20)
    again.append(body(b"c"))

    assert contents(again) == [b"b", b"c"]


def test_the_oldest_bodies_give_way_to_newer_ones(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 3 * (HEADER_BYTES + 1))
    for content in (b"a", b"b", b"c", b"d"):
        spool.append(body(content))

    assert spool.losses == Losses(full=1, full_samples=7)
    assert contents(spool) == [b"b", b"c", b"d"]


def test_a_body_larger_than_the_bound_is_lost_and_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 100)
    spool.append(body(b"x" * 200))

    assert (len(spool), spool.losses) == (0, Losses(full=1, full_samples=7))


@pytest.mark.parametrize("damage", [b"", b"short", pack(body(b"body"))[:-1], pack(body(b"body"))[:-1] + b"x"])
def test_a_damaged_body_is_dropped_and_counted_and_the_next_is_kept(damage: bytes, tmp_path: Path) -> None:
    first = Spool(tmp_path, 1 << 20)
    first.append(body(b"a"))
    first.append(body(b"b"))
    first.close()
    min(tmp_path.glob("*.body")).write_bytes(damage)

    spool = Spool(tmp_path, 1 << 20)

    assert contents(spool) == [b"b"]
    assert spool.losses == Losses(damaged=1)


def test_what_a_crash_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "0000000000000000.tmp").write_bytes(b"half")

    spool = Spool(tmp_path, 1 << 20)

    assert len(spool) == 0
    assert list(tmp_path.glob("*.tmp")) == []


def test_one_process_a_directory(spool: Spool, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"spool_dir: .* in use by another process"):
        Spool(tmp_path / "spool", 1 << 20)
    assert len(spool) == 0


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match=r"spool_dir: cannot use .*file"):
        Spool(tmp_path / "file", 1 << 20)


@given(st.builds(Body, st.binary(), st.sampled_from((1, 2)), st.integers(0, 2**32 - 1)))
def test_a_packed_body_unpacks_to_itself(packed: Body) -> None:
    assert unpack(pack(packed)) == packed


@given(st.binary(min_size=1), st.data())
def test_a_changed_bit_is_noticed(given_content: bytes, data: st.DataObject) -> None:
    content = bytearray(pack(body(given_content)))
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8

    with pytest.raises(DecodeError):
        unpack(bytes(content))


APPENDER = """
import sys
from pathlib import Path
from collector.body import Body
from collector.spool import Spool
spool = Spool(Path(sys.argv[1]), 1 << 30)
for number in range(1_000_000):
    spool.append(Body(b"%d" % number * 1000, 2, 1))
    print(number, flush=True)
"""


def test_every_body_that_was_taken_survives_kill_9(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert process.stdout is not None
    for _ in range(50):
        process.stdout.readline()
    process.kill()
    taken = 50 + len(process.stdout.read().splitlines())
    process.wait()
    process.stdout.close()

    found = contents(Spool(tmp_path, 1 << 30))

    assert len(found) in (taken, taken + 1)  # the one in flight may have made it
    assert found == [b"%d" % number * 1000 for number in range(len(found))]
