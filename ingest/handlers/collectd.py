"""collectd's write_http plugin on /collectd."""

from __future__ import annotations

from typing import Final

from ingest.edge import Route
from ingest.protocols import collectd

ROUTES: Final = (
    Route(
        "/collectd",
        "collectd",
        lambda body, asked: collectd.decode(bytes(body), asked.now_ms, asked.limits.max_request_rows),
    ),
)
