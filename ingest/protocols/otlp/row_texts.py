"""The labels `le` and `quantile` of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ingest.protocols.otlp.attributes import number_text
from ingest.protocols.otlp.messages.kernels import SUMMARY
from ingest.protocols.otlp.points import Points
from ingest.protocols.otlp.rows import kernels
from ingest.protocols.otlp.sources import Kept
from ingest.wire.encoding import encode_labels
from storage.model import Int64Array

_INFINITY: Final = encode_labels([("le", "+Inf")])


@dataclass(slots=True)
class RowTexts:
    """Writes them, each once."""

    kept: Kept[tuple[str, int], bytes] = field(default_factory=Kept)

    def of(self, points: Points) -> tuple[Int64Array, list[bytes]]:
        """(the number of each edge's text, the texts as label bytes, of which the last is le="+Inf")."""
        if not len(points.edges):
            return np.empty(0, np.int64), [_INFINITY]
        firsts = np.empty(len(points.edges), np.int64)
        kernels.find_repeated(points.edge_offsets, points.kinds, points.edges, firsts)
        own = np.flatnonzero(firsts == np.arange(len(firsts)))
        different, places = np.unique(points.edges[own], return_inverse=True)
        numbers = np.zeros(len(firsts), np.int64)
        numbers[own] = places
        texts = [self._text("le", bits) for bits in different.tolist()]
        is_quantile = np.repeat(points.kinds, np.diff(points.edge_offsets)) == SUMMARY
        if is_quantile.any():
            texts += [self._text("quantile", bits) for bits in different.tolist()]
        return numbers[firsts] + len(different) * is_quantile, [*texts, _INFINITY]

    def _text(self, name: str, bits: int) -> bytes:
        found = self.kept.items.get((name, bits))
        if found is not None:
            return found
        value = float(np.array([bits], np.uint64).view(np.float64)[0])
        text = encode_labels([(name, number_text(value))])
        return self.kept.keep((name, bits), text, len(text))
