"""Kernels are compiled, or loaded from numba's cache, before the first sender waits for them."""

from __future__ import annotations

import numpy as np

from ingest.limits import Limits
from ingest.protocols import remote_write
from ingest.series import SeriesTable


def warm_up() -> None:
    """Send one sample through decode and lookup, into a table that is thrown away."""
    series = [remote_write.raw_labels((("__name__", "warm_up"),))]
    zero = np.zeros(1, np.int64)
    body = remote_write.encode_v1(series, zero, zero, np.zeros(1))
    SeriesTable(Limits()).resolve(remote_write.decode_v1(body), now_ms=0)
