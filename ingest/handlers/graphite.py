"""Graphite on two TCP ports: lines, and pickles."""

from __future__ import annotations

from typing import Final

from ingest.protocols.graphite import lines, pickled
from ingest.stream import Stream

LINES: Final = Stream(
    "graphite", lambda body, asked: lines.decode(bytes(body), asked.now_ms, asked.limits.max_request_rows)
)
PICKLES: Final = Stream(
    "graphite_pickle",
    lambda body, asked: pickled.decode(bytes(body), asked.now_ms, asked.limits.max_request_rows),
    cut=pickled.whole_frames,
    resume=b"",
    message_bytes=pickled.MAX_FRAME_BYTES + 4,
)
