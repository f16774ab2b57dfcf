"""The metrics of one push, by family, from text, OpenMetrics or protobuf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from ingest.protocols import exposition
from storage.errors import DecodeError
from storage.model import METRIC_NAME, Labels, Metadata

Sample = tuple[Labels, float]
"""A series' labels, the metric's name among them, and its value."""

_SUFFIXES: Final = ("_bucket", "_sum", "_count", "_total", "_created", "_info", "_gsum", "_gcount")
_NO_TIME: Final = 1 << 61


@dataclass(slots=True)
class Exposed:
    """What was pushed: samples by the name of their family, and what was said about families."""

    families: dict[str, list[Sample]] = field(default_factory=dict)
    metadata: list[Metadata] = field(default_factory=list)

    def add(self, family: str, name: str, labels: Sequence[tuple[str, str]], value: float) -> None:
        """Add one sample."""
        pairs = tuple(sorted([(METRIC_NAME, name), *labels]))
        self.families.setdefault(family, []).append((pairs, value))


def read_text(raw: bytes, is_openmetrics: bool, max_rows: int) -> Exposed:
    """Read the text format or OpenMetrics. A push is taken whole or not at all.

    Raises `DecodeError` with the first line that is wrong, has a timestamp or no name, `LimitError` for more
    than `max_rows` lines.
    """
    found = exposition.decode(raw, _NO_TIME, is_openmetrics, max_rows)
    for refusal in found.refused.values():
        raise DecodeError(refusal.example)
    if (found.timestamps_ms != _NO_TIME).any():
        raise DecodeError("a sample has a timestamp, which a push may not have: it counts from now on")
    exposed = Exposed(metadata=list(found.metadata))
    known = {row.metric for row in found.metadata}
    for i, value in zip(found.series_index.tolist(), found.values.tolist(), strict=True):
        labels = dict(found.labels(i))
        name = labels.pop(METRIC_NAME, "")
        if not name:
            raise DecodeError(f"a sample has no name: {labels}")
        exposed.add(_family(name, known), name, list(labels.items()), value)
    return exposed


def _family(name: str, known: set[str]) -> str:
    if name not in known:
        for suffix in _SUFFIXES:
            if name.endswith(suffix) and name.removesuffix(suffix) in known:
                return name.removesuffix(suffix)
    return name
