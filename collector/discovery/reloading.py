"""A discovery that follows its file of jobs: an edit takes effect without a restart, and without a gap."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import aiohttp

from collector.discovery.document import read_jobs
from collector.discovery.finder import Pause
from collector.discovery.job import Job
from collector.discovery.joined import DiscoverySettings, Joined
from collector.discovery.kubernetes.cluster import Watch
from collector.target import Target
from storage.errors import ConfigError

log = logging.getLogger(__name__)

_LOOK_S: Final = 30.0
_SYNC_S: Final = 1.0
_SYNC_TRIES: Final = 60


class Reloading:
    """A `Discovery`. A file that becomes wrong keeps the jobs that it had. Raises ConfigError when made."""

    def __init__(
        self, settings: DiscoverySettings, session: aiohttp.ClientSession, watch: Watch | None
    ) -> None:
        self._settings = settings
        self._session = session
        self._watch = watch
        self._jobs = self._read()
        self._current = self._opened()
        self._problem = ""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The current set."""
        return self._current.targets

    @property
    def problems(self) -> dict[str, str]:
        """What is wrong at the moment, by what it is about."""
        own = {str(self._settings.scrape_file): self._problem} if self._problem else {}
        return self._current.problems | own

    async def run(self, pause: Pause = asyncio.sleep) -> None:
        """Keep the set current until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self._current.run(pause))
            while True:
                await pause(_LOOK_S)
                opened = self._changed()
                if opened is not None:
                    following = tasks.create_task(opened.run(pause))
                    await _synced(opened, pause)
                    self._current = opened
                    running.cancel()
                    running = following

    def _changed(self) -> Joined | None:
        """What the file asks for now, None where that is nothing new."""
        try:
            jobs = self._read()
            if jobs == self._jobs:
                self._problem = ""
                return None
            opened = self._opened()
        except ConfigError as error:
            if self._problem != str(error):
                log.warning("the former jobs go on: %s", error)
            self._problem = str(error)
            return None
        log.info("%s has changed: %d jobs", self._settings.scrape_file, len(jobs))
        self._jobs, self._problem = jobs, ""
        return opened

    def _read(self) -> tuple[Job, ...]:
        path = self._settings.scrape_file
        return read_jobs(path) if path else ()

    def _opened(self) -> Joined:
        return Joined(self._settings, self._session, self._watch)


async def _synced(joined: Joined, pause: Pause) -> None:
    """Until the first lists are whole, so that no target is missing meanwhile; a minute at most."""
    for _ in range(_SYNC_TRIES):
        await pause(_SYNC_S)
        if joined.is_synced:
            return
