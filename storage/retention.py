"""How long samples are kept: whole days (UTC) are dropped, which costs no rewrite of what stays."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from storage.errors import StorageError
from storage.interface import Storage
from storage.model import DAY_MS

_LOG = logging.getLogger(__name__)
_INTERVAL_S = 3600.0


class Forgetful(Protocol):
    """Something that remembers series; `storage.catalogue.Catalogue` is."""

    def forget_before(self, timestamp_ms: int) -> int:
        """Forget what was last seen on a day that ended by `timestamp_ms`."""


def drop_expired(storage: Storage, catalogue: Forgetful | None, now_ms: int, retention_days: int) -> int:
    """Drop the partitions that ended `retention_days` before `now_ms` or earlier; returns how many.

    A sample is kept for at least `retention_days`, and at most a day longer. Raises `StorageError`.
    """
    horizon_ms = now_ms - retention_days * DAY_MS
    dropped = storage.drop_before(horizon_ms)
    if catalogue is not None:
        catalogue.forget_before(horizon_ms)
    return dropped


class Retention:
    """Drops what has expired at start and every hour, in a thread of its own.

    clock: seconds since the epoch. wait: sleeps for some seconds; returns True when it is time to end.
    """

    def __init__(
        self,
        storage: Storage,
        retention_days: int,
        clock: Callable[[], float],
        wait: Callable[[float], bool],
        catalogue: Forgetful | None = None,
    ) -> None:
        self._storage = storage
        self._retention_days = retention_days
        self._clock = clock
        self._wait = wait
        self._catalogue = catalogue
        self._ending = threading.Event()

    def start(self) -> None:
        """Begin. The thread is a daemon: it holds nothing that a sudden end could lose."""
        threading.Thread(target=self.run, name="retention", daemon=True).start()

    def stop(self) -> None:
        """Drop nothing more; does not wait for the thread to wake up."""
        self._ending.set()

    def run(self) -> None:
        """Drop, wait, and again, until it is time to end. A store that is away is asked an hour later."""
        while not self._ending.is_set():
            try:
                self._drop()
            except StorageError as error:
                _LOG.warning("cannot drop expired days: %s", error)
            if self._wait(_INTERVAL_S):
                return

    def _drop(self) -> None:
        now_ms = int(self._clock() * 1000)
        dropped = drop_expired(self._storage, self._catalogue, now_ms, self._retention_days)
        if dropped:
            _LOG.info("dropped %d partitions older than %d days", dropped, self._retention_days)
