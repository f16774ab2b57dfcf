"""Kernels are compiled, or loaded from numba's cache, before the first sender waits for them."""

from __future__ import annotations

import cramjam
import numpy as np

from ingest.limits import Limits
from ingest.protocols import remote_write
from ingest.protocols.compression import Scratch, decompress_snappy
from ingest.series.table import SeriesTable


def warm_up() -> None:
    """Send one series through decode and lookup, unknown and known, into a table that is thrown away."""
    series = [remote_write.raw_labels((("__name__", "warm_up"),))]
    zero = np.zeros(1, np.int64)
    body = bytes(cramjam.snappy.compress_raw(remote_write.encode_v1(series, zero, zero, np.zeros(1))))
    table, limits = SeriesTable(Limits()), Limits()
    for _ in range(2):
        raw = decompress_snappy(body, limits.max_decoded_bytes, Scratch())
        table.resolve(remote_write.decode_v1(raw, familiar=table.familiar), now_ms=0)
