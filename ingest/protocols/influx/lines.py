"""Bodies in InfluxDB's line protocol: `measurement,tag=value field=1,other=2i 1700000000000000000`.

A line that is wrong is refused alone. A field that is a string is no number: it is counted and left out.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from ingest.aliases.table import Aliases
from ingest.decoded import Bytes, Decoded, Refusal
from ingest.protocols.influx import kernels
from ingest.protocols.influx.series import kernels as series_kernels
from ingest.series.familiar import Familiar
from storage.errors import InputError, LimitError
from storage.model import Float64Array, Int64Array

STRING_FIELD: Final = "string_field"
"""The reason under which fields that are strings are counted. It is no mistake of the sender's."""

SCALES: Final = {
    "": -1_000_000,
    "n": -1_000_000,
    "ns": -1_000_000,
    "u": -1_000,
    "µ": -1_000,
    "us": -1_000,
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
}
"""What a timestamp of a precision is multiplied by to be ms, or minus what it is divided by."""

_WORDS: Final = tuple(np.frombuffer(word, np.uint8) for word in (b"t", b"true", b"f", b"false"))
_NAMES: Final = tuple(np.frombuffer(name, np.uint8) for name in (b"__name__", b"value"))
_FLOAT: Final = re.compile(rb"[^,\x00-\x20]*")
_REASONS: Final = {
    kernels.NO_MEASUREMENT: "it does not begin with a measurement",
    kernels.BAD_TAG: "a tag is not name=value",
    kernels.NO_FIELDS: "it has no field, expected measurement[,tag=value…] field=value[,…] [timestamp]",
    kernels.BAD_KEY: "a field is not key=value",
    kernels.BAD_VALUE: "a field's value is no float, integer with 'i' or 'u', boolean or quoted string",
    kernels.OPEN_STRING: "a quoted string is not closed",
    kernels.BAD_TIME: "the timestamp is not a whole number of 64 bits that stands last",
}


def decode(
    raw: bytes | Bytes,
    now_ms: int,
    precision: str,
    max_rows: int,
    aliases: Aliases,
    familiar: Familiar,
    max_label_bytes: int = 256 << 20,
) -> Decoded:
    """Read lines, whose timestamps are in a precision of `SCALES`. One without gets `now_ms`.

    `aliases` remembers which text stands for which series that is `familiar`. Raises `InputError` for another
    precision, `LimitError` for more than `max_rows` fields, or where new series have more than
    `max_label_bytes` of labels.
    """
    scale = SCALES.get(precision)
    if scale is None:
        expected = ", ".join(name for name in SCALES if name)
        raise InputError(f"precision {precision[:20]!r} is not known, expected one of {expected}")
    buf = np.frombuffer(raw, np.uint8)
    known = aliases.of(familiar)
    room = len(buf) // 24 + 16
    while True:
        room = min(room, max_rows + 1)
        numbers, times_ms = np.empty(room, np.int64), np.empty(room, np.int64)
        bits, is_unsure = np.empty(room, np.uint64), np.empty(room, np.bool_)
        places = np.empty((room, kernels.PLACES), np.int64)
        counts = np.zeros(kernels.COUNTS, np.int64)
        values = bits.view(np.float64)
        if kernels.read_lines(
            buf,
            scale,
            now_ms,
            _WORDS,
            *known.key,
            known.entries,
            known.arena,
            known.spans,
            known.parents,
            known.series,
            known.follows,
            numbers,
            times_ms,
            bits,
            values,
            is_unsure,
            places,
            counts,
        ):
            break
        if room > max_rows:
            raise LimitError(
                f"the body has more fields than the limit (ingest.max_request_rows) of {max_rows}"
            )
        room *= 4
    rows = int(counts[kernels.ROWS])
    numbers, values = numbers[:rows], values[:rows]
    _read_unsure(buf, bits, values, np.flatnonzero(is_unsure[:rows]))
    starts, ends, body = np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.empty(0, np.uint8)
    if counts[kernels.UNKNOWN]:
        body = _learn(buf, places, numbers, starts, ends, aliases, familiar, max_label_bytes)
    return Decoded(
        body=body,
        label_start=starts,
        label_end=ends,
        series_index=np.arange(rows, dtype=np.int64),
        timestamps_ms=times_ms[:rows],
        values=values,
        numbers=numbers,
        generation=familiar.generation,
        refused=_refused(buf, counts),
    )


def _learn(
    buf: Bytes,
    places: Int64Array,
    numbers: Int64Array,
    starts: Int64Array,
    ends: Int64Array,
    aliases: Aliases,
    familiar: Familiar,
    max_label_bytes: int,
) -> Bytes:
    """The label bytes of rows whose series is not known yet; fills their numbers, starts and ends."""
    rows = np.flatnonzero(numbers < 0)
    size, text_bytes = series_kernels.measure(buf, rows, places, max_label_bytes)
    if size > max_label_bytes:
        raise LimitError(f"labels of new series have more than {max_label_bytes} bytes, written out")
    body = np.empty(size, np.uint8)
    with aliases.adding(familiar, 2 * len(rows), text_bytes) as known:
        series_kernels.learn(
            buf,
            rows,
            places,
            _NAMES,
            *known.key,
            familiar.entries,
            familiar.arena,
            familiar.spans,
            known.entries,
            known.arena,
            known.spans,
            known.parents,
            known.series,
            known.used,
            body,
            starts,
            ends,
            numbers,
        )
    return body


def _read_unsure(
    buf: Bytes, offsets: np.ndarray[tuple[int], np.dtype[np.uint64]], values: Float64Array, rows: Int64Array
) -> None:
    """Read what the kernel was not sure of: long numbers, and those at the ends of what a double holds."""
    if not len(rows):
        return
    raw = buf.tobytes()
    for row in rows.tolist():
        found = _FLOAT.match(raw, int(offsets[row]))
        values[row] = float(found[0].rstrip(b"iu")) if found else np.nan


def _refused(buf: Bytes, counts: Int64Array) -> dict[str, Refusal]:
    refused = {}
    if counts[kernels.REFUSED]:
        start = int(counts[kernels.LINE_START])
        text = buf[start : start + 120].tobytes().partition(b"\n")[0].decode(errors="replace")
        reason = _REASONS[int(counts[kernels.CODE])]
        example = f"line {counts[kernels.LINE]}: {text!r}: {reason}"
        refused["malformed_line"] = Refusal(int(counts[kernels.REFUSED]), example)
    if counts[kernels.STRINGS]:
        example = "a field is a string, which is not a number"
        refused[STRING_FIELD] = Refusal(int(counts[kernels.STRINGS]), example)
    return refused
