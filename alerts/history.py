"""What ALERTS_FOR_STATE says of the time before a restart, read from the store with its staleness markers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np

from alerts.rules import AlertingRule
from alerts.state import ALERT_NAME
from storage.interface import SeriesCatalogue, Storage
from storage.model import METRIC_NAME, Labels, Matcher, MatchOp, TimeRange, canonical, is_stale

_OUTAGE_TOLERANCE_MS: Final = 3_600_000


class History(Protocol):
    """Finds the last known state of a rule's alerts."""

    def last(self, rule: AlertingRule, now_ms: int) -> Mapping[Labels, tuple[int, float]]:
        """(timestamp in ms, active since in seconds) by the labels of alerts that had not ended."""


class StoredHistory:
    """Reads the hour before `now_ms`; what is older counts as forgotten, as in Prometheus."""

    def __init__(self, storage: Storage, catalogue: SeriesCatalogue) -> None:
        self._storage = storage
        self._catalogue = catalogue

    def last(self, rule: AlertingRule, now_ms: int) -> Mapping[Labels, tuple[int, float]]:
        """See `History.last`. Raises `StorageError`."""
        matchers = [
            Matcher(METRIC_NAME, MatchOp.EQUAL, "ALERTS_FOR_STATE"),
            Matcher(ALERT_NAME, MatchOp.EQUAL, rule.name),
        ]
        times = TimeRange(now_ms - _OUTAGE_TOLERANCE_MS, now_ms)
        found: dict[Labels, tuple[int, float]] = {}
        for selection in self._catalogue.select(matchers, times):
            samples = self._storage.read_samples(selection.metric_id, selection.series_ids, times)
            ends = np.searchsorted(samples.series_ids, selection.series_ids, side="right")
            starts = np.searchsorted(samples.series_ids, selection.series_ids, side="left")
            lasts = ends - 1
            for row in np.flatnonzero(ends > starts).tolist():
                at = int(lasts[row])
                if not is_stale(samples.values[at : at + 1])[0]:
                    labels = selection.labels.row(row)
                    del labels[METRIC_NAME]
                    found[canonical(labels)] = int(samples.timestamps_ms[at]), float(samples.values[at])
        return found
