"""Which series exist: labels of every metric in memory, dictionary-coded, loaded on first use.

A matcher is decided once for each distinct value of its label, then spread over the codes; a regular
expression never meets the same string twice. Each series carries the first and last day it was seen, so
that a query over today does not meet the pods of last month.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from storage.interface import Storage
from storage.labels import LabelColumn, LabelTable, concat
from storage.model import (
    DAY_MS,
    METRIC_NAME,
    BoolArray,
    Int32Array,
    Int64Array,
    Matcher,
    MatchOp,
    SeriesColumns,
    TimeRange,
    UInt64Array,
    metric_id,
)
from storage.patterns import compile_regex

_REMEMBERED_SELECTIONS = 512
_REMEMBERED_SERIES = 1_000_000
_VALUES_A_CHECK = 256


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The selected series of one metric; see `storage.interface.SeriesSelection`."""

    metric_id: int
    series_ids: UInt64Array
    labels: LabelTable
    is_whole: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Metric:
    """All known series of one metric, sorted by series_id."""

    metric_id: int
    series_ids: UInt64Array
    first_days: Int32Array
    last_days: Int32Array
    labels: LabelTable

    def take(self, rows: Int64Array) -> _Metric:
        """The series at `rows`, ascending."""
        return _Metric(
            self.metric_id,
            self.series_ids[rows],
            self.first_days[rows],
            self.last_days[rows],
            self.labels.take(rows),
        )

    def merged(self, new: _Metric) -> _Metric:
        """Add series, and widen the days of those already known."""
        ids = np.concatenate([self.series_ids, new.series_ids])
        distinct, first = np.unique(ids, return_index=True)
        at = np.searchsorted(distinct, ids)
        first_days = np.full(len(distinct), np.iinfo(np.int32).max, np.int32)
        last_days = np.full(len(distinct), np.iinfo(np.int32).min, np.int32)
        np.minimum.at(first_days, at, np.concatenate([self.first_days, new.first_days]))
        np.maximum.at(last_days, at, np.concatenate([self.last_days, new.last_days]))
        table = concat([self.labels, new.labels]).take(first.astype(np.int64))
        return _Metric(self.metric_id, distinct, first_days, last_days, table)


_Key: TypeAlias = tuple[tuple[Matcher, ...], tuple[int, int]]


class Catalogue:
    """Selects series by matchers. Safe from any thread; see `storage.interface.SeriesCatalogue`."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.RLock()
        self._version = -1
        self._names: dict[int, str] = {}
        self._metrics: dict[int, _Metric] = {}
        self._selections: OrderedDict[_Key, Sequence[Selection]] = OrderedDict()
        self._remembered = 0
        self._generation = 0

    def select(
        self, matchers: Sequence[Matcher], time_range: TimeRange, check: Callable[[], None] = lambda: None
    ) -> Sequence[Selection]:
        """Series that match all `matchers`, by metric, in the order of metric ids.

        Raises `InputError` for a regular expression that RE2 refuses.
        """
        days = (time_range.start_ms // DAY_MS, time_range.end_ms // DAY_MS)
        key = (tuple(matchers), days)
        on_name = [matcher for matcher in matchers if matcher.name == METRIC_NAME]
        others = [matcher for matcher in matchers if matcher.name != METRIC_NAME]
        with self._lock:
            self._refresh()
            known = self._selections.get(key)
            if known is not None:
                return known
            generation, names = self._generation, self._candidates(on_name)
        # Matching is done without the lock: a slow regular expression holds up nobody else.
        wanted = _passing(names, on_name, check)
        with self._lock:
            metrics = self._load(wanted)
        found = [one for metric in metrics if (one := _selected(metric, others, days, check)) is not None]
        with self._lock:
            if generation == self._generation and key not in self._selections:
                self._remember(key, found)
        return found

    def label_names(
        self,
        matchers: Sequence[Sequence[Matcher]],
        time_range: TimeRange,
        check: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Sorted names of the labels that any selected series carries."""
        names: set[str] = set()
        for selection in self._any(matchers, time_range, check):
            names |= {n for n, c in selection.labels.columns.items() if n not in names and c.codes.any()}
        return sorted(names)

    def label_values(
        self,
        name: str,
        matchers: Sequence[Sequence[Matcher]],
        time_range: TimeRange,
        check: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Sorted values of one label over the selected series."""
        values: set[str] = set()
        for selection in self._any(matchers, time_range, check):
            column = selection.labels.columns.get(name)
            if column is not None:
                values.update(column.values[code] for code in np.unique(column.codes).tolist() if code)
        return sorted(values)

    def forget_before(self, timestamp_ms: int) -> int:
        """Forget series last seen on a day (UTC) that ended by `timestamp_ms`; returns how many."""
        first_kept = timestamp_ms // DAY_MS
        forgotten = 0
        with self._lock:
            for metric in list(self._metrics.values()):
                kept = np.flatnonzero(metric.last_days >= first_kept)
                forgotten += len(metric.series_ids) - len(kept)
                if not len(kept):
                    del self._metrics[metric.metric_id], self._names[metric.metric_id]
                elif len(kept) < len(metric.series_ids):
                    self._metrics[metric.metric_id] = metric.take(kept)
            self._forget_selections()
        return forgotten

    def _remember(self, key: _Key, found: Sequence[Selection]) -> None:
        self._selections[key] = found
        self._remembered += _size(found)
        while len(self._selections) > _REMEMBERED_SELECTIONS or self._remembered > _REMEMBERED_SERIES:
            _, oldest = self._selections.popitem(last=False)
            self._remembered -= _size(oldest)

    def _forget_selections(self) -> None:
        self._generation += 1
        self._selections.clear()
        self._remembered = 0

    def _any(
        self, matchers: Sequence[Sequence[Matcher]], time_range: TimeRange, check: Callable[[], None]
    ) -> Iterable[Selection]:
        for selector in matchers or [[]]:
            for selection in self.select(selector, time_range, check):
                check()
                yield selection

    def _candidates(self, matchers: Sequence[Matcher]) -> dict[int, str]:
        """Metrics among which those are that match, by id in order; a copy."""
        for matcher in matchers:
            if matcher.op is MatchOp.EQUAL and matcher.value:
                named = metric_id(matcher.value)
                return {named: self._names[named]} if named in self._names else {}
        return {one: self._names[one] for one in sorted(self._names)}

    def _load(self, metric_ids: Sequence[int]) -> list[_Metric]:
        missing = [one for one in metric_ids if one not in self._metrics]
        if missing:
            asked = None if len(missing) > len(self._names) // 2 else missing
            rows = self._storage.read_series(asked, 0)
            for metric in _split(rows):
                self._metrics.setdefault(metric.metric_id, metric)
        return [self._metrics[one] for one in metric_ids if one in self._metrics]

    def _refresh(self) -> None:
        version = self._storage.series_version()
        if version == self._version:
            return
        if self._version < 0:
            self._names = dict(self._storage.read_metrics())
        else:
            self._merge(self._storage.read_series(None, self._version))
        self._forget_selections()
        self._version = version

    def _merge(self, rows: SeriesColumns) -> None:
        for new in _split(rows):
            known = self._metrics.get(new.metric_id)
            if new.metric_id not in self._names:
                self._names[new.metric_id] = new.labels.row(0).get(METRIC_NAME, "")
                self._metrics[new.metric_id] = new
            elif known is not None:
                self._metrics[new.metric_id] = known.merged(new)


def _size(selections: Sequence[Selection]) -> int:
    return sum(len(selection.series_ids) for selection in selections)


def _split(rows: SeriesColumns) -> Iterable[_Metric]:
    """Cut rows, which are sorted by metric, into one `_Metric` each."""
    ids, starts = np.unique(rows.metric_ids, return_index=True)
    bounds = [*starts.tolist(), len(rows)]
    for i, one in enumerate(ids.tolist()):
        part = slice(bounds[i], bounds[i + 1])
        yield _Metric(
            one,
            rows.series_ids[part],
            rows.first_days[part],
            rows.last_days[part],
            LabelTable.from_rows(rows.labels[part]),
        )


def _passing(names: Mapping[int, str], matchers: Sequence[Matcher], check: Callable[[], None]) -> list[int]:
    """The metrics whose names match."""
    passes = np.ones(len(names), np.bool_)
    for matcher in matchers:
        passes &= value_test(matcher).many(list(names.values()), check)
    return [one for one, passed in zip(names, passes.tolist(), strict=True) if passed]


def _selected(
    metric: _Metric, matchers: Sequence[Matcher], days: tuple[int, int], check: Callable[[], None]
) -> Selection | None:
    """The series of a metric that match and were seen on one of these days."""
    keep = (metric.first_days <= days[1]) & (metric.last_days >= days[0])
    for matcher in matchers:
        keep &= _matches(metric.labels.columns.get(matcher.name), matcher, metric.labels.size, check)
    if keep.all():
        return Selection(metric.metric_id, metric.series_ids, metric.labels, True)
    if not keep.any():
        return None
    rows = np.flatnonzero(keep)
    return Selection(metric.metric_id, metric.series_ids[rows], metric.labels.take(rows), False)


def _matches(column: LabelColumn | None, matcher: Matcher, size: int, check: Callable[[], None]) -> BoolArray:
    test = value_test(matcher)
    if column is None:
        return np.full(size, test(""), np.bool_)
    if len(column.values) > 4 * size:
        used = np.unique(column.codes)
        passes = np.zeros(len(column.values), np.bool_)
        passes[used] = test.many([column.values[code] for code in used.tolist()], check)
    else:
        passes = test.many(column.values, check)
    found: BoolArray = passes[column.codes]
    return found


def value_test(matcher: Matcher) -> _Test:
    """The matcher as a test of one label value; '' stands for an absent label.

    Raises `InputError` for a regular expression that RE2 refuses.
    """
    return _Test(matcher)


class _Test:
    """One matcher, compiled."""

    __slots__ = ("_pattern", "_value", "_wanted")

    def __init__(self, matcher: Matcher) -> None:
        self._wanted = matcher.op in (MatchOp.EQUAL, MatchOp.REGEX)
        self._value = matcher.value
        is_regex = matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX)
        self._pattern = compile_regex(matcher.value) if is_regex else None

    def __call__(self, value: str) -> bool:
        return bool(self.many([value])[0])

    def many(self, values: Sequence[str], check: Callable[[], None] = lambda: None) -> BoolArray:
        """Which values pass; `check` is called every so many."""
        equal: list[bool] = []
        if self._pattern is None:
            wanted = self._value
            equal = [value == wanted for value in values]
        else:
            fullmatch = self._pattern.fullmatch
            for first in range(0, len(values), _VALUES_A_CHECK):
                check()
                part = values[first : first + _VALUES_A_CHECK]
                equal += [fullmatch(value.encode()) is not None for value in part]
        passes: BoolArray = np.array(equal, np.bool_) == self._wanted
        return passes
