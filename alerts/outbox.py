"""The samples that the rules of a group write: stored together, visible to later rules of the group."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alerts.samples import RuleSamples
from storage.errors import UnavailableError
from storage.histograms import concat
from storage.interface import Appender
from storage.model import Int64Array


class Outbox:
    """Collects samples of one time and hands them on in one append.

    A rule must see what an earlier rule of its group has just recorded, while the store takes what is
    appended up to a flush interval later. So `settle` is called before such a rule, and only then: it
    appends what is gathered and waits until the store has it.
    """

    def __init__(self, appender: Appender, flush: Callable[[], bool], at_ms: int) -> None:
        self._appender = appender
        self._flush = flush
        self._at_ms = at_ms
        self._gathered: list[RuleSamples] = []
        self._unsettled = False

    def add(self, samples: RuleSamples) -> None:
        """Gather the samples of one rule."""
        if len(samples):
            self._gathered.append(samples)
            self._unsettled = True

    def settle(self) -> None:
        """Make everything gathered visible to queries.

        Raises `UnavailableError` when the store does not take it in time, `OverloadedError` and `LimitError`
        as `Appender.append` does.
        """
        if not self._unsettled:
            return
        self.send()
        if not self._flush():
            raise UnavailableError("the store has not yet taken the samples of earlier rules of the group")
        self._unsettled = False

    def send(self) -> None:
        """Append what is gathered, durably; see `settle` for errors."""
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        series = [labels for samples in gathered for labels in samples.series]
        if series:
            values = np.concatenate([samples.values for samples in gathered])
            self._appender.append(series, *self._places(len(series)), values)
        histogram_series = [labels for samples in gathered for labels in samples.histogram_series]
        if histogram_series:
            pool = concat([samples.histograms for samples in gathered])
            self._appender.append_histograms(histogram_series, *self._places(len(histogram_series)), pool)

    def _places(self, count: int) -> tuple[Int64Array, Int64Array]:
        """The series and the time of each of `count` samples, one a series."""
        return np.arange(count, dtype=np.int64), np.full(count, self._at_ms, np.int64)
