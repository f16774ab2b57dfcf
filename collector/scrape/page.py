"""A page as it was read: columns of samples, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from collector.scrape.layout import Layout
from storage.errors import ScrapeError
from storage.model import Float64Array, Int64Array, Metadata


@dataclass(frozen=True, slots=True)
class Note:
    """An exemplar of the sample at `row` of the page; of histogram i where `row` is `~i`, and so negative.

    labels: encoded. time_ms: None where it is the sample's.
    """

    row: int
    labels: bytes
    value: float
    time_ms: int | None


@dataclass(frozen=True, slots=True)
class Distribution:
    """A native histogram. encoded: a `prometheus.Histogram` message but for its time, which is `time_ms`."""

    line: bytes
    encoded: bytes
    time_ms: int | None
    start_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """Columns by sample, of all samples of the page; `layout` tells which of them are kept.

    times_ms: int64, where `layout.timed` says so. starts_ms: int64, when samples began to count, 0 for no
    word; empty where there is none at all. families: what the page says of its metrics, by name.
    """

    layout: Layout
    values: Float64Array
    times_ms: Int64Array
    families: Mapping[str, Metadata]
    histograms: Sequence[Distribution] = ()
    notes: Sequence[Note] = ()
    starts_ms: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))
    dropped_histograms: int = 0


class Reader(Protocol):
    """Reads one page, piece by piece."""

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes. True where they were as on the last page, and so cost next to nothing.

        Raises `DecodeError` and `ScrapeError`.
        """

    def finish(self) -> Page:
        """The whole page. Raises as `feed` does, and where the page ends too early."""


@dataclass(slots=True)
class Quota:
    """How many samples a page may keep; 0 is no limit. Beyond it, samples are counted and nothing is kept."""

    limit: int
    scraped: int = 0
    kept: int = 0

    def add(self, scraped: int, kept: int) -> None:
        """Count samples."""
        self.scraped += scraped
        self.kept += kept

    @property
    def is_exceeded(self) -> bool:
        """Whether the page is refused already."""
        return 0 < self.limit < self.kept

    def check(self) -> None:
        """Raise `ScrapeError` where the limit is exceeded."""
        if self.is_exceeded:
            raise ScrapeError(
                f"the page has {self.kept} samples after relabelling, "
                f"the limit (sample_limit) is {self.limit}",
                "sample_limit",
            )


Name = Callable[[Sequence[tuple[str, str]]], bytes]
"""Encoded labels of a series by its own ones, as `Naming.encoded`."""
