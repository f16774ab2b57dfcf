"""When a query has to stop: a time, or its client leaving."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from storage.errors import CancelledError, DeadlineError


class Deadline:
    """Asked by the engine between pieces of work of a few milliseconds. Safe from any thread."""

    def __init__(self, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout_s = timeout_s
        self._clock = clock
        self._ends_at = clock() + timeout_s
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Make the next check raise `CancelledError`."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise `CancelledError` or `DeadlineError` when it is time to stop."""
        if self._cancelled.is_set():
            raise CancelledError("query was canceled: its client went away")
        if self._clock() > self._ends_at:
            raise DeadlineError(f"query timed out after {self._timeout_s:g} s (query.timeout_s)")
