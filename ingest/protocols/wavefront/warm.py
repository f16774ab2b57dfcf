"""Kernels are compiled, or loaded from numba's cache, before the first sender waits for them."""

from __future__ import annotations

from ingest.aliases.table import Aliases
from ingest.limits import Limits
from ingest.protocols.wavefront.decoder import decode
from ingest.series.table import SeriesTable


def warm_up() -> None:
    """Send a point thrice, unknown, learned and known, into a table that is thrown away."""
    table, aliases = SeriesTable(Limits()), Aliases(1 << 20)
    for _ in range(3):
        table.resolve(decode(b"warm.up 1 0 source=s\n", 0, 1, aliases, table.familiar), now_ms=0)
