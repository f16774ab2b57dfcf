"""The contract between storage and everybody else. Prose here binds every backend.

All methods are synchronous and may be called from any thread at once. Times are milliseconds since the
epoch. Methods raise `UnavailableError` when the store cannot be reached and `StorageError` when it refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from storage.capabilities import Capabilities
from storage.documents import Document
from storage.events import Event, Source, SourceChange
from storage.exemplars import ExemplarBatch
from storage.histograms import HistogramBatch, Histograms
from storage.labels import LabelTable
from storage.model import (
    Float64Array,
    Int64Array,
    Labels,
    Matcher,
    Metadata,
    SampleBatch,
    SeriesColumns,
    SeriesRow,
    TimeRange,
    UInt64Array,
)
from storage.starts import StartBatch


class Storage(Protocol):
    """Samples, native histograms, exemplars, series and metadata of one tenant."""

    @property
    def capabilities(self) -> Capabilities:
        """What this store's version can do, read once at connect."""

    def migrate(self) -> int:
        """Bring the schema up to date, return its version. Raises `SchemaError` if it is newer than ours."""

    def write_samples(self, batch: SampleBatch, token: str) -> None:
        """Store a batch of any order. Writing the same batch with the same `token` again is harmless."""

    def subscribe(self, listener: Callable[[SampleBatch | None], None]) -> bool:
        """Call `listener` with each batch once it is stored, and with None once samples are dropped.

        A batch whose write failed is passed too, since a failed write may have stored it. Returns false, and
        calls nobody, where other processes may write.
        """

    def write_series(self, rows: Sequence[SeriesRow]) -> None:
        """Record series as seen on their days. Idempotent."""

    def write_metadata(self, rows: Sequence[Metadata]) -> None:
        """Record metadata; the last write of a metric wins."""

    def read_samples(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> SampleBatch:
        """Samples of one metric in [start, end], of `series_ids` (sorted) or of all its series when None.

        Sorted by (series_id, timestamp), one sample a timestamp: of duplicates the larger value wins, and a
        stale marker loses against any value. Stale markers are returned, bit by bit.
        """

    def read_many(
        self, metric_ids: Sequence[int], series_ids: UInt64Array | None, time_range: TimeRange
    ) -> list[SampleBatch]:
        """What `read_samples` gives for each of some metrics, in one go, which small ones are worth."""

    def count_samples(self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange) -> int:
        """About how many samples `read_samples` would go through, never fewer than it returns."""

    def write_histograms(self, batch: HistogramBatch, token: str) -> None:
        """Store native histograms of any order; `token` as of `write_samples`."""

    def read_histograms(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> HistogramBatch:
        """Native histograms of one metric in [start, end], of `series_ids` (sorted) or of all when None.

        Sorted by (series_id, timestamp), one a timestamp: of duplicates the larger count wins, then the
        larger sum, and a stale marker loses. Stale markers are returned, bit by bit.
        """

    def histogram_metrics(self) -> frozenset[int]:
        """Ids of the metrics that have, or once had, native histograms.

        Cheap enough to ask before each query, so that one over floats never looks for histograms.
        """

    def write_exemplars(self, batch: ExemplarBatch, token: str) -> None:
        """Store exemplars of any order; `token` as of `write_samples`."""

    def read_exemplars(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> ExemplarBatch:
        """Exemplars of one metric in [start, end], of `series_ids` (sorted) or of all its series when None.

        Sorted by (series_id, timestamp, value, labels), nothing twice.
        """

    def start_metrics(self) -> frozenset[int]:
        """Ids of the metrics that have, or once had, start timestamps; as cheap as `histogram_metrics`."""

    def write_starts(self, batch: StartBatch, token: str) -> None:
        """Store start timestamps of samples and histograms; `token` as of `write_samples`."""

    def read_starts(
        self, metric_id: int, series_ids: UInt64Array | None, time_range: TimeRange
    ) -> StartBatch:
        """Starts of the samples of one metric in [start, end], of `series_ids` (sorted) or of all when None.

        Sorted by (series_id, timestamp), one a timestamp: the latest start of a sample wins.
        """

    def write_documents(self, documents: Sequence[Document]) -> None:
        """Store versions of documents. Idempotent; of two of one version the one written last counts."""

    def read_documents(self, kind: str) -> list[Document]:
        """The newest version of each document of a kind that is not deleted, by id."""

    def read_document_versions(self, kind: str, document_id: str) -> list[Document]:
        """All versions of one document, the newest first, deletions among them."""

    def write_events(self, events: Sequence[Event]) -> None:
        """Store events. Idempotent, by their ids."""

    def read_events(self, time_range: TimeRange) -> list[Event]:
        """Events that overlap with [start, end], sorted by start; of very many the newest."""

    def write_source_changes(self, changes: Sequence[SourceChange]) -> None:
        """Store changes of what is said of sources. Idempotent."""

    def read_sources(self) -> list[Source]:
        """What is said of sources, of all that anything was said of, sorted."""

    def read_metrics(self) -> list[tuple[int, str]]:
        """(metric_id, name) of every metric, in no order."""

    def read_series(self, metric_ids: Sequence[int] | None, since_version: int) -> SeriesColumns:
        """Series of some metrics, or of all, that were written after `since_version` (0: ever)."""

    def series_version(self) -> int:
        """A number that grows when series are written by anyone; cheap enough to ask before each query."""

    def read_metadata(self, metric: str | None) -> list[Metadata]:
        """Metadata of one metric, or of all."""

    def drop_before(self, timestamp_ms: int) -> int:
        """Drop the partitions (UTC days) that lie wholly before `timestamp_ms`, and events that ended before.

        Returns how many partitions.
        """

    def size_bytes(self) -> int:
        """Bytes on disk of all tables."""

    def close(self) -> None:
        """Release connections. Idempotent."""


class SeriesCatalogue(Protocol):
    """Which series exist: selects by matchers, within a budget of time that does not grow with history."""

    def select(
        self, matchers: Sequence[Matcher], time_range: TimeRange, check: Callable[[], None] = lambda: None
    ) -> Sequence[SeriesSelection]:
        """Series that match all `matchers` and were seen on a day of `time_range`, grouped by metric.

        `check` is called every few milliseconds, and may raise to end the search.
        """

    def label_names(
        self,
        matchers: Sequence[Sequence[Matcher]],
        time_range: TimeRange,
        check: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Sorted names of labels of the series that match any of the selectors (all series when empty)."""

    def label_values(
        self,
        name: str,
        matchers: Sequence[Sequence[Matcher]],
        time_range: TimeRange,
        check: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Sorted values of one label, likewise."""


class SeriesSelection(Protocol):
    """The selected series of one metric. `series_ids` is sorted; row i of `labels` describes series i."""

    @property
    def metric_id(self) -> int:
        """The metric's id."""

    @property
    def series_ids(self) -> UInt64Array:
        """uint64, ascending."""

    @property
    def labels(self) -> LabelTable:
        """Dictionary-coded labels, `__name__` included."""

    @property
    def is_whole(self) -> bool:
        """Whether these are all series of the metric, so that a read need not name them."""


class Appender(Protocol):
    """Takes samples from inside Swell (rules, alerts, Swell's own metrics) on the same durable path."""

    def append(
        self,
        series: Sequence[Labels],
        series_index: Int64Array,
        timestamps_ms: Int64Array,
        values: Float64Array,
    ) -> None:
        """Store sample i for `series[series_index[i]]`; returns once it is durable.

        Raises `OverloadedError` when the pipeline pushes back and `LimitError` when a series is refused.
        """

    def append_histograms(
        self,
        series: Sequence[Labels],
        series_index: Int64Array,
        timestamps_ms: Int64Array,
        histograms: Histograms,
    ) -> None:
        """Store native histogram i for `series[series_index[i]]`; otherwise like `append`."""
