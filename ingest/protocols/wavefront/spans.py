"""Spans and span logs, which are told apart from what is stored, and refused."""

from __future__ import annotations

from dataclasses import replace

from ingest.decoded import Decoded, Refusal, nothing_decoded


def refuse(raw: bytes) -> Decoded:
    """A request of spans, a line each: nothing is stored."""
    lines = sum(1 for line in raw.splitlines() if line.strip())
    if not lines:
        return nothing_decoded()
    example = (
        "WF-300 spans and span logs are not taken here, only metrics, histograms, events and source tags"
    )
    return replace(nothing_decoded(), refused={"WF-300": Refusal(lines, example)})
