"""Which series a destination gets, and with which labels. Decided once a series, not once a sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import translate
from typing import Final, TypeAlias

import numpy as np

from collector.sweep import Sweep
from collector.symbols import label_pairs
from ingest.relabel.rules import Rule, relabel
from ingest.wire.encoding import encode_labels
from storage.model import METRIC_NAME, canonical

_SPARE: Final = 1024
_Matches: TypeAlias = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """Allow and deny lists, then relabel rules, then what becomes of labels. Lists are of globs (`*`, `?`).

    metric_allow, metric_deny: names of metrics; an empty allow list allows all, and deny wins.
    label_allow, label_deny: globs of values by a label's name; one label that matches is enough. A series
        without the label has no value that could match.
    rules: as Prometheus's write_relabel_configs.
    label_include, label_exclude: names of labels that are kept and removed; a metric's name stays.
    """

    metric_allow: tuple[str, ...] = ()
    metric_deny: tuple[str, ...] = ()
    label_allow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    label_deny: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    label_include: tuple[str, ...] = ()
    label_exclude: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether every series passes as it is."""
        return self == Selection()


@dataclass(slots=True)
class _Source:
    """What was decided of one source: by line, and for the lines of its last sweep as a whole."""

    known: dict[bytes, bytes | None] = field(default_factory=dict)
    lines: Sequence[bytes] = ()
    kept: tuple[bytes, ...] = ()
    rows: np.ndarray[tuple[int], np.dtype[np.intp]] = field(default_factory=lambda: np.empty(0, np.intp))


class Selector:
    """Applies a selection. Series that become the same by losing labels are sent once, the first of them.

    filtered, duplicates: samples that were left out.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._is_allowed = _any_of(selection.metric_allow)
        self._is_denied = _any_of(selection.metric_deny)
        self._label_allow = {name: _any_of(globs) for name, globs in selection.label_allow.items()}
        self._label_deny = {name: _any_of(globs) for name, globs in selection.label_deny.items()}
        self._is_included = _any_of(selection.label_include)
        self._is_excluded = _any_of(selection.label_exclude)
        self._sources: dict[str, _Source] = {}
        self.filtered = 0
        self.duplicates = 0

    def apply(self, sweep: Sweep) -> Sweep:
        """What is left of a sweep."""
        if self._selection.is_all:
            return sweep
        source = self._sources.setdefault(sweep.source, _Source())
        if source.lines != sweep.lines:
            self._decide(source, sweep.lines)
        found = self._taken(sweep, source)
        self.filtered += len(sweep.lines) + len(sweep.histograms) - len(found.lines) - len(found.histograms)
        if sweep.is_last:
            del self._sources[sweep.source]
        return found

    def select(self, line: bytes) -> bytes | None:
        """A series' encoded labels as they are sent, None where it is not sent."""
        labels: dict[str, str] | None = {
            name.decode(errors="replace"): value.decode(errors="replace") for name, value in label_pairs(line)
        }
        if labels is None or not self._passes(labels):
            return None
        labels = relabel(self._selection.rules, labels) if self._selection.rules else labels
        if not labels or METRIC_NAME not in labels:
            return None
        return encode_labels(canonical({name: labels[name] for name in labels if self._keeps(name)}))

    def _passes(self, labels: Mapping[str, str]) -> bool:
        name = labels.get(METRIC_NAME, "")
        if self._is_denied(name) or (self._selection.metric_allow and not self._is_allowed(name)):
            return False
        if _touches(self._label_deny, labels):
            return False
        return not self._label_allow or _touches(self._label_allow, labels)

    def _keeps(self, name: str) -> bool:
        if name == METRIC_NAME:
            return True
        return not self._is_excluded(name) and (not self._selection.label_include or self._is_included(name))

    def _decide(self, source: _Source, lines: Sequence[bytes]) -> None:
        if len(source.known) > 2 * len(lines) + _SPARE:
            source.known.clear()
        kept: dict[bytes, int] = {}
        for row, line in enumerate(lines):
            found = self._selected(source, line)
            if found is not None:
                if found in kept:
                    self.duplicates += 1
                kept.setdefault(found, row)
        source.lines, source.kept = lines, tuple(kept)
        source.rows = np.fromiter(kept.values(), np.intp, len(kept))

    def _selected(self, source: _Source, line: bytes) -> bytes | None:
        if line not in source.known:
            source.known[line] = self.select(line)
        return source.known[line]

    def _taken(self, sweep: Sweep, source: _Source) -> Sweep:
        rows = source.rows
        spreads = [(row, self._selected(source, one.line)) for row, one in enumerate(sweep.histograms)]
        histograms = [replace(sweep.histograms[row], line=line) for row, line in spreads if line is not None]
        samples = len(sweep.lines)
        places = {int(row): at for at, row in enumerate(rows)} if sweep.exemplars else {}
        left = [row for row, line in spreads if line is not None]
        places |= {samples + row: len(rows) + at for at, row in enumerate(left)} if sweep.exemplars else {}
        return replace(
            sweep,
            lines=source.kept,
            values=sweep.values[rows],
            times_ms=sweep.times_ms[rows],
            starts_ms=sweep.starts_ms[rows] if len(sweep.starts_ms) else sweep.starts_ms,
            histograms=histograms,
            exemplars=[replace(one, row=places[one.row]) for one in sweep.exemplars if one.row in places],
        )


def _touches(globs: Mapping[str, _Matches], labels: Mapping[str, str]) -> bool:
    return any(name in labels and matches(labels[name]) for name, matches in globs.items())


def _any_of(globs: Sequence[str]) -> _Matches:
    if not globs:
        return lambda _: False
    pattern = re.compile("|".join(translate(glob) for glob in globs))
    return lambda text: pattern.match(text) is not None
