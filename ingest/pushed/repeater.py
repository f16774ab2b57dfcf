"""Tells pushed groups again, so that queries never find them too old."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ingest.pipeline import Pipeline
from ingest.pushed.groups import Groups
from storage.errors import OverloadedError

_LOG = logging.getLogger("swell.ingest")


class Repeater:
    """A thread that stores every group's samples each `interval_s`, from its start on."""

    def __init__(
        self, groups: Groups, pipeline: Pipeline, interval_s: float, clock: Callable[[], float]
    ) -> None:
        self._groups = groups
        self._pipeline = pipeline
        self._interval_s = interval_s
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pushed", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the repetition that is under way."""
        self._stopping.set()
        self._thread.join()

    def repeat(self) -> None:
        """Store every group's samples with the time of now, unless the pipeline is full."""
        try:
            self._pipeline.submit(self._groups.repeated(int(self._clock() * 1000)))
        except OverloadedError as error:
            _LOG.warning("pushed groups were not repeated: %s", error)

    def _run(self) -> None:
        self.repeat()
        while not self._stopping.wait(self._interval_s):
            self.repeat()
