"""The symbol table of one source of remote write 2.0, and series written with its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ingest.wire.encoding import TYPES, varint
from storage.errors import DecodeError
from storage.model import METRIC_NAME, Metadata

_SUFFIXES: Final = ("_total", "_bucket", "_count", "_sum", "_created", "_info", "_gcount", "_gsum")
_NAME: Final = METRIC_NAME.encode()
_NAME_FIRST: Final = b"\x0a\x08__name__\x12"
_SPARE: Final = 1024


@dataclass(slots=True)
class Symbols:
    """Texts by number, and what was written with them.

    table: the `symbols` fields of a request. pairs: a label's two numbers, by its encoded form. metadata: the
    `metadata` field of a TimeSeries, by the metric's name. written: how many series were written.
    """

    numbers: dict[bytes, int] = field(default_factory=lambda: {b"": 0})
    table: bytearray = field(default_factory=lambda: bytearray(b"\x22\x00"))
    pairs: dict[bytes, bytes] = field(default_factory=dict)
    metadata: dict[bytes, bytes] = field(default_factory=dict)
    families: dict[str, Metadata] = field(default_factory=dict)
    written: int = 0

    def body(self, line: bytes) -> bytes:
        """The fields of a TimeSeries that say which series it is. Raises `DecodeError`."""
        self.written += 1
        refs = self.references(line)
        return b"\x0a" + varint(len(refs)) + refs + self._metadata(_name(line))

    def references(self, line: bytes) -> bytes:
        """The numbers of encoded labels, as the content of a packed field. Raises `DecodeError`."""
        known = self.pairs
        parts = []
        at, size = 0, len(line)
        while at < size:
            start, end = _span(line, at)
            pair = line[start:end]
            found = known.get(pair)
            if found is None:
                name, value = _pair(pair)
                found = known[pair] = varint(self.number(name)) + varint(self.number(value))
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

    def describe(self, metadata: Sequence[Metadata]) -> bool:
        """Take metadata over, for series written from now on; true where nothing was known before."""
        is_first = bool(metadata) and not self.families
        for one in metadata:
            if self.families.get(one.metric) != one:
                self.families[one.metric] = one
                self.metadata.clear()
        return is_first

    def outgrow(self, live: int) -> bool:
        """Start afresh where far more was written than the `live` series; true where so."""
        if self.written <= 3 * live + _SPARE:
            return False
        self.numbers, self.table, self.written = {b"": 0}, bytearray(b"\x22\x00"), 0
        self.pairs.clear()
        self.metadata.clear()
        return True

    def _metadata(self, name: bytes) -> bytes:
        found = self.metadata.get(name)
        if found is None:
            row = self._family(name.decode(errors="replace"))
            found = self.metadata[name] = b"" if row is None else self._described(row)
        return found

    def _described(self, row: Metadata) -> bytes:
        body = b"\x08" + varint(TYPES.index(row.type) if row.type in TYPES else 0)
        for tag, text in ((b"\x18", row.help), (b"\x20", row.unit)):
            if text:
                body += tag + varint(self.number(text.encode()))
        return b"\x2a" + varint(len(body)) + body

    def _family(self, name: str) -> Metadata | None:
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
    """The metric's name in encoded labels, '' where there is none. Raises `DecodeError`."""
    return _name(line).decode(errors="replace")


def _name(line: bytes) -> bytes:
    if line.startswith(_NAME_FIRST, 2) and line[1] < 0x80:
        return line[len(_NAME_FIRST) + 3 : line[1] + 2]
    return dict(label_pairs(line)).get(_NAME, b"")


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
        if raw[at] < 0x80 and at + raw[at] < len(raw):
            return at + 1, at + 1 + raw[at]
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
