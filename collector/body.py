"""What is posted: one remote write request. A pure value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Body:
    """content: compressed by snappy. version: of remote write, 1 or 2. samples: how many it carries."""

    content: bytes
    version: int
    samples: int
