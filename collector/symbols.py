"""The symbol table of one source of remote write 2.0, and series written with its numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ingest.wire.encoding import TYPES, varint
from storage.errors import DecodeError
from storage.model import METRIC_NAME, Metadata

_SUFFIXES: Final = ("_total", "_bucket", "_count", "_sum", "_created", "_info", "_gcount", "_gsum")
_NAME: Final = METRIC_NAME.encode()
_SPARE: Final = 1024


@dataclass(slots=True)
class Symbols:
    """Texts by number, and what was written with them.

    table: the `symbols` fields of a request. bodies: label references and metadata of a TimeSeries, by the
    encoded labels that they stand for. pairs: a label's two numbers, by its encoded form.
    """

    numbers: dict[bytes, int] = field(default_factory=lambda: {b"": 0})
    table: bytearray = field(default_factory=lambda: bytearray(b"\x22\x00"))
    pairs: dict[bytes, bytes] = field(default_factory=dict)
    bodies: dict[bytes, bytes] = field(default_factory=dict)
    families: dict[str, Metadata] = field(default_factory=dict)

    def body(self, line: bytes) -> bytes:
        """The fields of a TimeSeries that say which series it is."""
        found = self.bodies.get(line)
        if found is None:
            refs = self.references(line)
            found = b"\x0a" + varint(len(refs)) + refs + self._metadata(line)
            self.bodies[line] = found
        return found

    def references(self, line: bytes) -> bytes:
        """The numbers of encoded labels, as the content of a packed field. Raises `DecodeError`."""
        parts = []
        at = 0
        while at < len(line):
            start, end = _span(line, at)
            pair = line[start:end]
            found = self.pairs.get(pair)
            if found is None:
                name, value = _pair(pair)
                found = self.pairs[pair] = varint(self.number(name)) + varint(self.number(value))
            parts.append(found)
            at = end
        return b"".join(parts)

    def number(self, text: bytes) -> int:
        """The number of a text, a new one for one that is new."""
        found = self.numbers.get(text)
        if found is None:
            found = self.numbers[text] = len(self.numbers)
            self.table += b"\x22" + varint(len(text)) + text
        return found

    def describe(self, metadata: Iterable[Metadata]) -> bool:
        """Take metadata over; true where it says something new, so that series have to be written again."""
        new = {one.metric: one for one in metadata if self.families.get(one.metric) != one}
        self.families.update(new)
        if new:
            self.bodies.clear()
        return bool(new)

    def outgrow(self, live: int) -> bool:
        """Start afresh where far more is remembered than the `live` series; true where so."""
        if len(self.bodies) <= 2 * live + _SPARE and len(self.numbers) <= 40 * (live + _SPARE):
            return False
        self.numbers, self.table = {b"": 0}, bytearray(b"\x22\x00")
        self.pairs.clear()
        self.bodies.clear()
        return True

    def _metadata(self, line: bytes) -> bytes:
        row = self._family(line)
        if row is None:
            return b""
        kind = TYPES.index(row.type) if row.type in TYPES else 0
        texts = [(b"\x18", row.help), (b"\x20", row.unit)]
        body = b"\x08" + varint(kind)
        for tag, text in texts:
            if text:
                body += tag + varint(self.number(text.encode()))
        return b"\x2a" + varint(len(body)) + body

    def _family(self, line: bytes) -> Metadata | None:
        name = metric_name(line)
        found = self.families.get(name)
        if found is None:
            suffix = next((one for one in _SUFFIXES if name.endswith(one)), "")
            found = self.families.get(name.removesuffix(suffix))
        return found


def label_pairs(line: bytes) -> list[tuple[bytes, bytes]]:
    """The labels that are encoded. Raises `DecodeError`."""
    found = []
    at = 0
    while at < len(line):
        start, at = _span(line, at)
        found.append(_pair(line[start:at]))
    return found


def metric_name(line: bytes) -> str:
    """The metric's name in encoded labels, '' where there is none."""
    return dict(label_pairs(line)).get(_NAME, b"").decode(errors="replace")


def _pair(pair: bytes) -> tuple[bytes, bytes]:
    start, end = _span(pair, 0, 0x0A)
    from_, to = _span(pair, end, 0x12)
    return pair[start:end], pair[from_:to]


def _span(raw: bytes, at: int, tag: int = 0x0A) -> tuple[int, int]:
    """Where the content of the field at `at` begins and ends."""
    try:
        if raw[at] != tag:
            raise DecodeError(f"labels: byte {at} is {raw[at]:#x}, expected {tag:#x}")
        at += 1
        size = shift = 0
        while raw[at] & 0x80:
            size |= (raw[at] & 0x7F) << shift
            shift += 7
            at += 1
        end = at + 1 + (size | raw[at] << shift)
    except IndexError:
        raise DecodeError(f"labels: they end within a field, at byte {len(raw)}") from None
    if end > len(raw):
        raise DecodeError(f"labels: a field ends at byte {end}, expected at most {len(raw)}")
    return at + 1, end
