"""Kernels are compiled, or loaded from numba's cache, before the first sender waits for them."""

from __future__ import annotations

import cramjam
import numpy as np

from ingest.aliases.table import Aliases
from ingest.limits import Limits
from ingest.protocols import remote_write
from ingest.protocols.compression import Scratch, decompress_snappy
from ingest.protocols.influx import lines
from ingest.series.table import SeriesTable
from ingest.wire.encoding import encode_labels, encode_v1

# A Histogram: a count of 1, a positive span of one bucket, and what that holds.
_HISTOGRAM = b"\x08\x01" + b"\x5a\x02\x10\x01" + b"\x62\x01\x02"


def warm_up() -> None:
    """Send one series through decode and lookup, unknown and known, into a table that is thrown away.

    A native histogram goes through either version's decoder.
    """
    series = [encode_labels((("__name__", "warm_up"),))]
    zero = np.zeros(1, np.int64)
    body = bytes(cramjam.snappy.compress_raw(encode_v1(series, zero, zero, np.zeros(1))))
    table, limits = SeriesTable(Limits()), Limits()
    for _ in range(2):
        raw = decompress_snappy(body, limits.max_decoded_bytes, Scratch())
        table.resolve(remote_write.decode_v1(raw, familiar=table.familiar), now_ms=0)
    table.familiar.without(np.ones(1, np.bool_), (0, 0))
    aliases = Aliases(1 << 20)
    for _ in range(3):
        lines.decode(b"warm_up value=1 0", 0, "", 1, aliases, table.familiar)
    remote_write.decode_v1(_field(1, series[0] + _field(4, _HISTOGRAM)))
    symbols = b"".join(_field(4, text) for text in (b"", b"__name__", b"warm_up"))
    remote_write.decode_v2(symbols + _field(5, _field(1, b"\x01\x02") + _field(3, _HISTOGRAM)))


def _field(number: int, content: bytes) -> bytes:
    """A field of protobuf that is a string or a message, of less than 128 bytes."""
    return bytes((number << 3 | 2, len(content))) + content
