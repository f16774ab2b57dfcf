"""The metrics of a request: which are taken, and the names of their series."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from ingest.decoded import Refusal
from ingest.protocols.otlp.attributes import text_of
from ingest.protocols.otlp.messages import kernels as messages
from ingest.protocols.otlp.names import Strategy, metric_name
from ingest.protocols.otlp.sources import Kept
from ingest.wire.encoding import encode_labels
from storage.model import METRIC_NAME, Int64Array, Metadata

DELTA: Final = 1
CUMULATIVE: Final = 2

_SUFFIXES: Final = {
    messages.HISTOGRAM: ("", "_sum", "_count", "_bucket"),
    messages.SUMMARY: ("", "_sum", "_count"),
}
_TYPES: Final = {
    messages.GAUGE: "gauge",
    messages.SUM: "gauge",
    messages.HISTOGRAM: "histogram",
    messages.EXPONENTIAL: "histogram",
    messages.SUMMARY: "summary",
}


@dataclass(frozen=True, slots=True)
class Named:
    """A metric's family; labels: `__name__` of its series as label bytes, spans where each lies in them.

    `number` is its own.
    """

    number: int
    family: str
    type: str
    labels: bytes
    spans: tuple[int, ...]

    @classmethod
    def of(
        cls, number: int, kind: int, is_monotonic: bool, name: str, unit: str, strategy: Strategy
    ) -> Named:
        """family is "" where nothing of the name is left."""
        is_counter = kind == messages.SUM and is_monotonic
        family = metric_name(strategy, name, unit, is_counter, kind == messages.GAUGE)
        texts = [encode_labels([(METRIC_NAME, family + suffix)]) for suffix in _SUFFIXES.get(kind, ("",))]
        texts += [b""] * (4 - len(texts))
        ends = np.cumsum([len(text) for text in texts]).tolist()
        spans = tuple(
            place for text, end in zip(texts, ends, strict=True) for place in (end - len(text), end)
        )
        return cls(number, family, "counter" if is_counter else _TYPES[kind], b"".join(texts), spans)


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """Those that are taken. columns: int64, as `messages.kernels.outline` fills them; named: one each.

    labels: the label bytes of all names; spans: int64 (metrics, 8), where those of `Named.spans` lie in them.
    """

    raw: bytes
    columns: Int64Array
    named: Sequence[Named]
    labels: bytes
    spans: Int64Array

    def describe(self, i: int) -> Metadata:
        """What metric i says of itself."""
        row, named = self.columns[i], self.named[i]
        about, unit = (
            self.raw[row[place] : row[place + 1]].decode(errors="replace")
            for place in (messages.HELP, messages.UNIT)
        )
        return Metadata(named.family, named.type, about, unit)


@dataclass(slots=True)
class Namer:
    """Names metrics, each once."""

    strategy: Strategy
    takes_deltas: bool
    kept: Kept[tuple[int, int, bytes, bytes], Named] = field(default_factory=Kept)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def name(self, raw: bytes, outlined: Int64Array, refused: dict[str, Refusal]) -> Metrics:
        """The metrics that are taken, of `outlined`; the others are counted. Raises `DecodeError`."""
        rows, named, places = list[int](), list[Named](), list[int]()
        known: dict[int, tuple[int, Named]] = {}
        at = 0
        for i, row in enumerate(outlined.tolist()):
            if not row[messages.POINTS]:
                continue
            one = self._named(raw, row)
            problem = self._problem(one, row[messages.KIND], row[messages.TEMPORALITY])
            if problem:
                _refuse(raw, row, problem, refused)
                continue
            rows.append(i)
            named.append(one)
            if id(one) not in known:
                known[id(one)] = at, one
                at += len(one.labels)
            places.append(known[id(one)][0])
        return Metrics(
            raw,
            outlined[rows],
            named,
            b"".join(one.labels for _, one in known.values()),
            np.array([one.spans for one in named], np.int64).reshape(-1, 8)
            + np.array(places, np.int64)[:, None],
        )

    def _named(self, raw: bytes, row: list[int]) -> Named:
        name = raw[row[messages.NAME] : row[messages.NAME + 1]]
        unit = raw[row[messages.UNIT] : row[messages.UNIT + 1]]
        key = (row[messages.KIND], row[messages.IS_MONOTONIC], name, unit)
        found = self.kept.items.get(key)
        if found is not None:
            return found
        made = Named.of(next(self.numbers), key[0], key[1] == 1, text_of(name), text_of(unit), self.strategy)
        return self.kept.keep(key, made, 8 * (len(name) + len(unit)))

    def _problem(self, named: Named, kind: int, temporality: int) -> tuple[str, str] | None:
        if not named.family:
            return "invalid_name", "nothing of its name can be the name of a metric"
        if kind in (messages.GAUGE, messages.SUMMARY) or temporality == CUMULATIVE:
            return None
        if temporality != DELTA:
            return "invalid_temporality", f"its temporality is {temporality}, expected 1 (delta) or 2"
        return None if self.takes_deltas else ("delta", "deltas are refused (ingest.otlp_delta_series is 0)")


def _refuse(raw: bytes, row: list[int], problem: tuple[str, str], refused: dict[str, Refusal]) -> None:
    """Count the points of a metric that is not taken; the first of a reason is its example."""
    reason, text = problem
    name = raw[row[messages.NAME] : row[messages.NAME + 1]][:200].decode(errors="replace")
    known = refused.get(reason, Refusal(0, f"metric {name!r}: {text}"))
    refused[reason] = Refusal(known.count + row[messages.POINTS], known.example)
