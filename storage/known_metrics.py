"""Which metrics have anything in a table that few metrics are in, so that queries of the others skip it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from storage.model import UInt64Array
from storage.session import Session

_POLL_S = 1.0


class KnownMetrics:
    """A set of metric ids that only grows, in a table of its own. Safe from any thread.

    monotonic: seconds that never go back.
    """

    def __init__(self, session: Session, table: str, monotonic: Callable[[], float]) -> None:
        self._session = session
        self._table = table
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ids: frozenset[int] | None = None
        self._polled_at = 0.0

    def add(self, metric_ids: UInt64Array) -> None:
        """Note metrics; call it before their rows are stored, so that none is there and not looked for."""
        ids = frozenset(np.unique(metric_ids).tolist())
        new = sorted(ids - self.ids())
        if not new:
            return
        self._session.insert(self._table, {"metric_id": np.array(new, np.uint64)})
        with self._lock:  # not before: queries ask for the ids and should not wait for an insert
            self._ids = self._known() | ids

    def ids(self) -> frozenset[int]:
        """The ids, from memory; the store is asked once a second where others write too."""
        with self._lock:
            return self._known()

    def _known(self) -> frozenset[int]:
        now = self._monotonic()
        if self._ids is None or (self._session.is_shared and now - self._polled_at >= _POLL_S):
            columns = self._session.select(f"SELECT DISTINCT metric_id FROM {self._table}")
            self._ids = frozenset(columns[0].tolist()) if columns else frozenset()
            self._polled_at = now
        return self._ids
