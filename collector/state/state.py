"""The state of a cluster's objects as series, under the names of kube-state-metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from collector.families import Family, Row, counter, gauge, grouped
from collector.kube.change import Change, Resource
from collector.lines import LineCache
from collector.state.choice import StateChoice
from collector.state.shard import Shard
from collector.state.stock import AnyStock, Stock
from collector.state.table import chosen
from collector.sweep import Sweep
from storage.model import STALE_NAN_BITS, Metadata

_SOURCE: Final = "state"
_USUAL: Final = StateChoice()
_WHOLE: Final = Shard()
_UP: Final = gauge("up", "1 when the sweep succeeded.")
_DURATION: Final = gauge("scrape_duration_seconds", "Seconds that the sweep took.")
_SCRAPED: Final = gauge("scrape_samples_scraped", "Samples of the sweep.")
_KEPT: Final = gauge("scrape_samples_post_metric_relabeling", "Samples that are sent.")
_ADDED: Final = gauge("scrape_series_added", "Series that the sweep before did not have.")
_ORDINAL: Final = gauge(
    "kube_state_metrics_shard_ordinal", "Current sharding ordinal/index of this instance", "shard_ordinal"
)
_TOTAL: Final = gauge("kube_state_metrics_total_shards", "Number of total shards this instance is aware of")
_LISTS: Final = counter(
    "kube_state_metrics_list_total",
    "Number of total resource list calls in kube-state-metrics",
    "resource",
    "result",
)
_WATCHES: Final = counter(
    "kube_state_metrics_watch_total",
    "Number of total resource watch calls in kube-state-metrics",
    "resource",
    "result",
)
_OBJECTS: Final = gauge("swell_collector_state_objects", "Objects whose state is told.", "resource")
_REFUSED: Final = counter(
    "swell_collector_state_refused_total", "Objects whose state could not be told.", "resource"
)
OWN: Final[tuple[Family, ...]] = (
    _UP,
    _DURATION,
    _SCRAPED,
    _KEPT,
    _ADDED,
    _ORDINAL,
    _TOTAL,
    _LISTS,
    _WATCHES,
    _OBJECTS,
    _REFUSED,
)
"""What the state tells of itself."""


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of the API for a resource, by what became of them. refused: objects that could not be read."""

    listed: int = 0
    list_errors: int = 0
    watched: int = 0
    watch_errors: int = 0
    refused: int = 0


@dataclass(slots=True)
class State:
    """Takes changes of objects, gives sweeps of their state. Of one thread.

    target: labels of every series, `job` and `instance` among them; an object's own namespace and node win.
    calls: what the client did, by resource; where it is not known, a list is a list that was whole.
    perf: a clock for durations. Raises `ConfigError` for a choice of what is not there.
    """

    target: Mapping[str, str]
    choice: StateChoice = _USUAL
    shard: Shard = _WHOLE
    calls: Callable[[], Mapping[str, Calls]] = dict
    perf: Callable[[], float] = time.perf_counter
    stocks: dict[str, AnyStock] = field(init=False)
    _cache: LineCache = field(init=False)
    _own: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        self._cache = LineCache(self.target)
        self.stocks = {
            kind.resource.plural: Stock(kind, self.choice, self.target, self.shard)
            for kind in chosen(self.choice)
        }

    @property
    def resources(self) -> list[Resource[Any]]:
        """What has to be watched."""
        return [stock.kind.resource for stock in self.stocks.values()]

    def take(self, plural: str, change: Change[Any]) -> None:
        """One step of the watch of a resource. Never raises for what is in an object."""
        self.stocks[plural].take(change)

    def sweeps(self, now_ms: int) -> Iterator[Sweep]:
        """All series at `now_ms`, with an end to those that are gone; a sweep for every hundred objects.

        Sweeps of one name follow each other under it. The last one tells of the state itself: `up` and what a
        scraper would add, lists, shards and refusals.
        """
        begin = self.perf()
        added = sum(stock.added for stock in self.stocks.values())
        samples = 0
        for stock in self.stocks.values():
            for sweep in stock.sweeps(now_ms):
                samples += len(sweep.lines)
                yield sweep
        yield self._report(self.perf() - begin, samples, added, now_ms)

    def last(self, now_ms: int) -> Iterator[Sweep]:
        """An end to all series: another collector speaks for the cluster, or none."""
        for stock in self.stocks.values():
            yield from stock.last(now_ms)
        markers = np.full(len(self._own), STALE_NAN_BITS, np.uint64).view(np.float64)
        times_ms = np.full(len(self._own), now_ms, np.int64)
        yield Sweep(_SOURCE, self._own, markers, times_ms, is_last=True)
        self._own = ()

    def _report(self, duration_s: float, samples: int, added: int, now_ms: int) -> Sweep:
        rows: list[Row] = [
            (_UP, (), 1.0),
            (_DURATION, (), duration_s),
            (_SCRAPED, (), float(samples)),
            (_KEPT, (), float(samples)),
            (_ADDED, (), float(added)),
            (_ORDINAL, (str(self.shard.ordinal),), float(self.shard.ordinal)),
            (_TOTAL, (), float(self.shard.total)),
        ]
        calls = self.calls()
        for plural, stock in self.stocks.items():
            rows += _rows_of(plural, stock, calls.get(plural) or Calls(listed=stock.lists))
        readings = grouped(rows)
        self._own = tuple(self._cache.lines(readings))
        values = np.array([value for reading in readings for value in reading.values])
        times_ms = np.full(len(self._own), now_ms, np.int64)
        metadata = [Metadata(each.name, each.type.value, each.help, "") for each in OWN]
        return Sweep(_SOURCE, self._own, values, times_ms, metadata=metadata)


def _rows_of(plural: str, stock: AnyStock, calls: Calls) -> list[Row]:
    names = f"*{stock.kind.resource.group_version}.{plural}"
    return [
        (_LISTS, (names, "success"), float(calls.listed)),
        (_LISTS, (names, "error"), float(calls.list_errors)),
        (_WATCHES, (names, "success"), float(calls.watched)),
        (_WATCHES, (names, "error"), float(calls.watch_errors)),
        (_OBJECTS, (plural,), float(stock.objects)),
        (_REFUSED, (plural,), float(stock.refused + calls.refused)),
    ]
