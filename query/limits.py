"""What one query may cost, and what it holds in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from storage.errors import LimitError
from storage.model import Int64Array

BYTES_A_SAMPLE: Final = 32
"""Its timestamp and value, and the copy of them that a read makes."""
BYTES_A_CELL: Final = 48
"""One series at one step: value, presence, window, and the text of it in an answer."""

_BYTES_A_CHARACTER: Final = 4
_BYTES_A_HISTOGRAM, _BYTES_A_BUCKET, _BYTES_A_FLOAT = 80, 12, 16
_Count = TypeVar("_Count", int, Int64Array)
"""Of a label's value, with the copies of it that are made."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Limits and defaults of the engine; a limit `max_x` is the setting `query.max_x`.

    max_length: characters of a query. max_depth: levels of its tree. max_series, max_samples: what all of its
    selectors together read. max_steps: of the query or of one subquery. max_bytes: memory that it holds, by
    estimate. warm_bytes: what recently read samples may occupy in memory; 0 keeps none. delayed_names: names
    are dropped when a query is done, as with Prometheus's `promql-delayed-name-removal`, else at once.
    """

    lookback_ms: int = 300_000
    subquery_step_ms: int = 60_000
    timeout_s: float = 120.0
    max_length: int = 100_000
    max_depth: int = 100
    max_series: int = 500_000
    max_samples: int = 50_000_000
    max_steps: int = 1_000_000
    max_bytes: int = 2 * 1024 * 1024 * 1024
    warm_bytes: int = 512 * 1024 * 1024
    delayed_names: bool = False

    def check(self, what: str, value: int, limit: int) -> None:
        """Raise `LimitError` when `value` is over `limit`; `what` is the noun and the setting's last part."""
        if value > limit:
            raise LimitError(
                f"query needs {value} {what}, the limit (query.max_{what}) is {limit}; "
                "narrow the selector, the range or the step"
            )

    def check_steps(self, count: int) -> None:
        """Raise `LimitError` where a query or a subquery has more steps than it may."""
        self.check("steps", count, self.max_steps)


def floats_of(histograms: _Count, buckets: _Count) -> _Count:
    """How many float samples native histograms take the memory of: what they count as."""
    return (histograms * _BYTES_A_HISTOGRAM + buckets * _BYTES_A_BUCKET) // _BYTES_A_FLOAT


class Memory:
    """What one query holds, by estimate, and refuses to exceed before it is made. Safe from any thread.

    `check` raises when it is time to stop.
    """

    def __init__(self, limits: QueryLimits, check: Callable[[], None] = lambda: None) -> None:
        self.check = check
        self._limits = limits
        self._lock = threading.Lock()
        self._samples = 0

    @property
    def samples(self) -> int:
        """How many samples are held, which they are until the query ends."""
        return self._samples

    def expect_samples(self, count: int) -> None:
        """Raise `LimitError` where so many samples more would be too many."""
        total = self._samples + count
        self._limits.check("samples", total, self._limits.max_samples)
        self._limits.check("bytes", total * BYTES_A_SAMPLE, self._limits.max_bytes)

    def hold_samples(self, count: int) -> None:
        """Samples that were read. Raises `LimitError` where they are too many."""
        with self._lock:
            self._samples += count
        self.expect_samples(0)

    def expect_series(self, count: int) -> None:
        """Raise `LimitError` where an operation would make more series than a query may read."""
        self._limits.check("series", count, self._limits.max_series)

    def expect_text(self, characters: int) -> None:
        """Raise `LimitError` where labels of so many characters would be too much."""
        needed = self._samples * BYTES_A_SAMPLE + characters * _BYTES_A_CHARACTER
        self._limits.check("bytes", needed, self._limits.max_bytes)

    def expect_cells(self, series: int, steps: int) -> None:
        """Raise `LimitError` where a block of this shape would be too much."""
        needed = self._samples * BYTES_A_SAMPLE + series * steps * BYTES_A_CELL
        self._limits.check("bytes", needed, self._limits.max_bytes)
