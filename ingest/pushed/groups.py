"""All groups of pushed metrics of one process: replaced, added to, deleted, and told again and again.

A Pushgateway is scraped for as long as it holds a group, so that its series never end. Here a group's samples
are stored when they are pushed and again at every repetition, with the time of that moment; a series that is
pushed no more gets a staleness marker at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ingest.decoded import Decoded
from ingest.protocols.pushed.exposed import Exposed
from ingest.pushed.group import Group, load, remove, save
from ingest.text.gathered import Gathered
from storage.errors import LimitError
from storage.model import METRIC_NAME, STALE_NAN_BITS, Labels, Metadata


class Groups:
    """Groups, kept in files of `directory`. Safe from any thread.

    `max_series` bounds the series of all groups together.
    """

    def __init__(self, directory: Path, max_series: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._max_series = max_series
        self._lock = threading.Lock()
        self._groups = load(directory)
        # Markers are told once more, since the request that told them first may have been turned away.
        self._ended: set[Labels] = set()

    def __len__(self) -> int:
        return len(self._groups)

    def put(self, labels: Labels, exposed: Exposed, now_ms: int) -> Decoded:
        """Replace a group by what was pushed. Raises `LimitError` for too many series."""
        with self._lock:
            return self._push(Group(labels), exposed, now_ms)

    def post(self, labels: Labels, exposed: Exposed, now_ms: int) -> Decoded:
        """Replace those of a group's families that were pushed. Raises `LimitError`."""
        with self._lock:
            return self._push(self._groups.get(labels, Group(labels)), exposed, now_ms)

    def delete(self, labels: Labels, now_ms: int) -> Decoded:
        """End a group's series; a group that is not there has none."""
        with self._lock:
            group = self._groups.pop(labels, None)
            if group is None:
                return _told({}, (), (), now_ms)
            remove(group, self._directory)
            ended = group.series().keys()
            self._ended |= ended
        return _told({}, ended, (), now_ms)

    def repeated(self, now_ms: int) -> Decoded:
        """Every series of every group again, and markers of those that ended since this was asked last."""
        with self._lock:
            series = {key: value for group in self._groups.values() for key, value in group.series().items()}
            ended, self._ended = self._ended - series.keys(), set()
        return _told(series, ended, (), now_ms)

    def _push(self, kept: Group, exposed: Exposed, now_ms: int) -> Decoded:
        pushed = {name: kept.owned(samples) for name, samples in exposed.families.items()}
        group = replace(kept, families={**kept.families, **pushed}, pushed_ms=now_ms)
        before = self._groups.get(group.labels, Group(group.labels)).series()
        series = group.series()
        others = sum(len(other.series()) for other in self._groups.values()) - len(before)
        if others + len(series) > self._max_series:
            raise LimitError(
                f"pushed groups would have {others + len(series)} series, "
                f"the limit (ingest.pushed_series) is {self._max_series}"
            )
        save(group, self._directory)
        self._groups[group.labels] = group
        ended = before.keys() - series.keys()
        self._ended = (self._ended | ended) - series.keys()
        return _told(series, ended, exposed.metadata, now_ms)


def _told(
    series: Mapping[Labels, float], ended: Iterable[Labels], metadata: Iterable[Metadata], now_ms: int
) -> Decoded:
    gone = list(ended)
    gathered = Gathered(len(series) + len(gone), metadata=dict.fromkeys(metadata))
    for labels, value in [*series.items(), *((labels, 0.0) for labels in gone)]:
        pairs = dict(labels)
        name = pairs.pop(METRIC_NAME)
        gathered.add(gathered.series_of(name, list(pairs.items())), now_ms, value)
    decoded = gathered.decoded()
    # By its bits, since a float on its way through Python may become another NaN.
    decoded.values.view(np.uint64)[len(series) :] = STALE_NAN_BITS
    return decoded
