"""`swell wal inspect` says what a log holds and where it is damaged."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.inspection import inspect, lines
from ingest.segment import HEADER, segment_path
from server.cli import command
from storage.errors import InputError
from tests.ingest.test_wal import write_segment


def test_a_segment_is_summed_up(tmp_path: Path) -> None:
    write_segment(tmp_path, rows=[3, 0, 4], number=2)

    (found,) = inspect(tmp_path)

    assert (found.number, found.rows) == (2, 7)
    assert found.records == {"series": 3, "metadata": 3, "samples": 2}
    assert found.damages == []
    assert found.first_ms is not None
    assert found.last_ms is not None
    assert found.first_ms < found.last_ms


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_all_but_the_damaged_record_is_read_and_the_damage_is_named(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("wal")
    ends = write_segment(directory, rows=[3, 1, 4])
    path = segment_path(directory, 1)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(HEADER.size, len(content) - 1))
    is_cut = data.draw(st.booleans())
    if is_cut:
        del content[at:]
    else:
        content[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)

    (found,) = inspect(directory)

    whole = [end for end in ends if end <= at]
    assert found.records.total() == (len(whole) if is_cut else len(ends) - 1)
    place = whole[-1] if whole else HEADER.size
    expected = [] if place == len(content) else [place]
    assert [damage.position.offset for damage in found.damages] == expected
    text = "\n".join(lines(directory))
    assert (f"damage at byte {place}" in text) == bool(expected)


def test_the_command_prints_segments_and_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_segment(tmp_path, rows=[3])
    segment_path(tmp_path, 2).write_bytes(b"not a log")

    assert command(["wal", "inspect", str(tmp_path)], {}) == 0

    printed = capsys.readouterr().out.splitlines()
    assert "1 metadata, 1 samples, 1 series; 3 samples" in printed[0]
    assert printed[2] == "  damage at byte 0: the header is cut off; 9 bytes are not read"
    assert printed[-1].endswith("3 samples, 1 damaged")


def test_a_directory_without_segments_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no segments"):
        next(inspect(tmp_path / "nowhere"))
    assert command(["wal", "inspect", str(tmp_path)], {}) == 1
    assert command(["wal", "inspect"], {}) == 2
