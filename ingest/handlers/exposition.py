"""The Prometheus text format and OpenMetrics on /api/v1/import/prometheus."""

from __future__ import annotations

from typing import Final

import numpy as np

from ingest.decoded import Decoded
from ingest.edge import Asked, Body, Route
from ingest.protocols import exposition

_OPENMETRICS: Final = "application/openmetrics-text"
_MEDIA: Final = (
    "text/plain",
    _OPENMETRICS,
    "application/octet-stream",
    "application/x-www-form-urlencoded",  # what curl says of any body
)


def _decode(body: Body, asked: Asked) -> Decoded:
    asked.check_media(*_MEDIA)
    raw = body.tobytes() if isinstance(body, np.ndarray) else body
    return exposition.decode(raw, asked.now_ms, asked.media == _OPENMETRICS, asked.limits.max_request_rows)


# A few bytes of gzip may be a million lines of text, which Python reads: never where others wait.
ROUTES: Final = (
    Route(
        "/api/v1/import/prometheus",
        "exposition",
        _decode,
        encodings=("", "identity", "gzip", "snappy"),
        small_bytes=0,
    ),
)
