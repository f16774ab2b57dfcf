"""The label bytes of every row of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.decoded import Bytes
from ingest.protocols.otlp.attributes import Reader
from ingest.protocols.otlp.messages.kernels import ATTRIBUTE_COUNT, ATTRIBUTE_FIELDS, ATTRIBUTES, SUMMARY
from ingest.protocols.otlp.points import Points, offsets_of
from ingest.protocols.otlp.series import kernels
from ingest.protocols.otlp.sources import Kept, Source
from storage.errors import LimitError
from storage.model import Int64Array

_SPARE: Final = 64

_Attributes = tuple[bytes, bytes, str, tuple[str, ...]]
"""What labels that are written by hand depend on."""


@dataclass(frozen=True, slots=True, eq=False)
class Arena:
    """Label bytes that rows are put together of.

    sets: a scope's labels each; names: of a metric's series (`rows.kernels.OWN` and so on), whose spans are
    name_spans, int64 (metrics, 8), counted from where the names begin; texts: of rows.
    """

    sets: Sequence[bytes]
    names: bytes
    name_spans: Int64Array
    texts: Sequence[bytes]


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """body: uint8; starts, ends: int64 (rows,), where the label bytes of each row lie in it."""

    body: Bytes
    starts: Int64Array
    ends: Int64Array


@dataclass(frozen=True, slots=True, eq=False)
class LabelWriter:
    """Writes the labels of one request's points.

    set_of: int64 (points,), the number of a point's set; names, texts as `rows.kernels.fill_rows` fills them.
    max_bytes: how many label bytes a request may stand for.
    """

    buf: Bytes
    points: Points
    arena: Arena
    set_of: Int64Array
    names: npt.NDArray[np.int8]
    texts: Int64Array
    escapes: bool
    max_bytes: int

    def write(
        self,
        which: Int64Array,
        sources: Sequence[Source],
        kept: Kept[_Attributes, bytes],
        reader: Reader,
    ) -> Written:
        """Those of some points; rows of others have no bytes.

        Raises `DecodeError` where attributes are broken, `LimitError` for too many labels.
        """
        rows = int(self.points.row_offsets[-1])
        starts, ends = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        if not len(which):
            return Written(np.empty(0, np.uint8), starts, ends)
        body, is_plain = self._run(which, self.arena.sets, self.set_of, False, starts, ends)
        hides = np.array([bool(source.hidden) for source in sources], np.bool_)
        others = which[~is_plain | hides[self.set_of[which]]]
        if not len(others):
            return Written(body, starts, ends)
        found: dict[bytes, int] = {}
        set_of = self.set_of.copy()
        raw = self.buf.tobytes()
        for point in others.tolist():
            labels = self._by_hand(raw, point, sources[self.set_of[point]], kept, reader)
            set_of[point] = found.setdefault(labels, len(found))
        more_starts, more_ends = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
        more, _ = self._run(others, list(found), set_of, True, more_starts, more_ends)
        is_other = more_ends > 0
        starts[is_other], ends[is_other] = len(body) + more_starts[is_other], len(body) + more_ends[is_other]
        return Written(np.concatenate([body, more]), starts, ends)

    def _by_hand(
        self,
        raw: bytes,
        point: int,
        source: Source,
        kept: Kept[_Attributes, bytes],
        reader: Reader,
    ) -> bytes:
        kind, spans = int(self.points.kinds[point]), self.points.spans[point]
        attributes = raw[spans[ATTRIBUTES] : spans[ATTRIBUTES + 1]]
        own_label = "" if not self._has_text(point) else "quantile" if kind == SUMMARY else "le"
        key = (source.own, attributes, own_label, source.hidden)
        known = kept.items.get(key)
        if known is not None:
            return known
        pairs = reader.pairs(attributes, int(ATTRIBUTE_FIELDS[kind]))
        labels = source.with_attributes(pairs, own_label)
        return kept.keep(key, labels, len(attributes) + len(source.own) + len(labels))

    def _has_text(self, point: int) -> bool:
        end = self.points.row_offsets[point + 1]
        return bool(end > self.points.row_offsets[point] and self.texts[end - 1] >= 0)

    def _run(
        self,
        points: Int64Array,
        sets: Sequence[bytes],
        set_of: Int64Array,
        is_whole: bool,
        starts: Int64Array,
        ends: Int64Array,
    ) -> tuple[Bytes, npt.NDArray[np.bool_]]:
        arena, columns = self.arena, self.points
        sizes = np.array([len(part) for part in sets], np.int64)
        set_offsets = offsets_of(sizes)
        text_ends = (
            set_offsets[-1] + len(arena.names) + offsets_of(np.array([*map(len, arena.texts)], np.int64))
        )
        spans = columns.spans[points]
        counts = np.minimum(spans[:, ATTRIBUTE_COUNT], kernels.MOST_ATTRIBUTES)
        own = 0 if is_whole else spans[:, ATTRIBUTES + 1] - spans[:, ATTRIBUTES] + kernels.GROWTH * counts
        point_bytes = sizes[set_of[points]] + own
        longest = int(point_bytes.max(initial=0)) + _SPARE
        arena_bytes = b"".join((*sets, arena.names, *arena.texts))
        work = np.empty(len(arena_bytes) + 3 * longest, np.uint8)
        work[: len(arena_bytes)] = np.frombuffer(arena_bytes, np.uint8)
        is_plain, most = np.empty(len(points), np.bool_), int(sizes.max(initial=0)) // 6 + 1
        out = np.empty(self._room(points, point_bytes), np.uint8)
        written = kernels.write_labels(
            self.buf,
            points,
            columns.kinds,
            columns.spans,
            is_whole,
            self.escapes,
            set_of,
            set_offsets,
            columns.metric_of,
            arena.name_spans + set_offsets[-1],
            columns.row_offsets,
            self.names,
            self.texts,
            np.stack([text_ends[:-1], text_ends[1:]], axis=1),
            work,
            len(arena_bytes),
            np.empty((most, 4), np.int64),
            np.empty((most + kernels.MOST_ATTRIBUTES, 5), np.int64),
            out,
            starts,
            ends,
            is_plain,
        )
        return out[:written], is_plain

    def _room(self, points: Int64Array, point_bytes: Int64Array) -> int:
        """How many bytes the labels of some points take, at most."""
        offsets, spans = self.points.row_offsets, self.arena.name_spans
        rows = offsets[points + 1] - offsets[points]
        name = (spans[:, 1::2] - spans[:, ::2]).max(axis=1, initial=0)[self.points.metric_of[points]]
        text = max(map(len, self.arena.texts), default=0)
        total = int((rows.astype(np.float64) * (point_bytes + name + text)).sum())
        if total > self.max_bytes:
            raise LimitError(
                f"OTLP: labels have up to {total} bytes, written out, the limit (ingest.max_decoded_bytes) "
                f"is {self.max_bytes}"
            )
        return total
