"""Graphite's plaintext protocol: `path[;tag=value…] value timestamp`, a line a sample.

Format: Graphite's documentation, "Feeding In Your Data" and "Graphite Tag Support". A timestamp is in
seconds; -1 or N stands for the time of arrival, as does none.
"""

from __future__ import annotations

from ingest.decoded import Decoded
from ingest.text.gathered import Gathered
from ingest.text.numbers import milliseconds, number
from storage.errors import DecodeError


def decode(raw: bytes, now_ms: int, max_rows: int) -> Decoded:
    """Read lines; one that is wrong is refused alone. Raises `LimitError` beyond `max_rows` samples."""
    gathered, known = Gathered(max_rows), dict[str, int]()
    for count, line in enumerate(raw.split(b"\n"), 1):
        try:
            parts = line.decode().split()
            if parts:
                _take(parts, now_ms, gathered, known)
        except UnicodeDecodeError as error:
            gathered.refuse(
                "malformed_line", f"line {count}: not UTF-8 at byte {error.start}: {error.reason}"
            )
        except DecodeError as error:
            text = line[:120].decode(errors="replace")
            gathered.refuse("malformed_line", f"line {count}: {text!r}: {error}")
    return gathered.decoded()


def series_of(path: str, gathered: Gathered) -> int:
    """The index of a path's series: its name, and its tags as labels. Raises `DecodeError`."""
    name, *tags = path.split(";")
    if not name:
        raise DecodeError("the path is empty")
    pairs = [tag.partition("=") for tag in tags]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise DecodeError(f"tag {key[:40]!r} is not name=value")
    return gathered.series_of(name, [(key, value) for key, _, value in pairs])


def _take(parts: list[str], now_ms: int, gathered: Gathered, known: dict[str, int]) -> None:
    if not 2 <= len(parts) <= 3:
        raise DecodeError(f"it has {len(parts)} parts, expected path value timestamp")
    value = number(parts[1])
    time_ms = now_ms if len(parts) == 2 or parts[2] in ("N", "-1") else milliseconds(number(parts[2]))
    series = known.get(parts[0])
    if series is None:
        series = known[parts[0]] = series_of(parts[0], gathered)
    gathered.add(series, time_ms, value)
