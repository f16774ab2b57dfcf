"""A collector as a whole: its parts and its destinations on one event loop, and its ways to run."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from threading import Thread
from typing import Final

import uvloop
from prometheus_client import CollectorRegistry

from collector.cluster import Part
from collector.heap import give_back
from collector.outlet import Outlet
from collector.page import Page
from collector.parts import parts_of
from collector.scrape.status import Status
from collector.settings import CollectorSettings
from collector.telemetry import Telemetry

log = logging.getLogger(__name__)

_LAST_S: Final = 3.0
"""How long a clean shutdown waits for the service; what it does not take is spooled."""
_GC_OBJECTS: Final = 50_000


class Collector:
    """Collects and pushes until it is told to stop. Raises ConfigError, from `run`, where it cannot start."""

    def __init__(self, settings: CollectorSettings, registry: CollectorRegistry | None = None) -> None:
        self._settings = settings
        self._registry = registry or CollectorRegistry()
        self._telemetry = Telemetry(self._registry, lambda: self.statuses)
        self._parts: Sequence[Part] = ()
        self._is_ready = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread: Thread | None = None

    @property
    def statuses(self) -> list[Status]:
        """Everything that is read, as of the last time."""
        return [status for part in self._parts for status in part.statuses]

    def start(self) -> None:
        """Run in a thread."""
        self._thread = Thread(target=self._run_in_thread, name="collector", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """End cleanly: the last bodies say that all series end here. Waits for it, `timeout_s` at most."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join(timeout_s)

    def request_stop(self) -> None:
        """Ask for the end, in the event loop's own thread."""
        self._stopping.set()

    async def run(self) -> None:
        """Until told to stop."""
        self._loop = asyncio.get_running_loop()
        outlet = Outlet(self._settings.pushing, self._telemetry)
        try:
            async with AsyncExitStack() as stack:
                await self._open_page(outlet, stack)
                self._parts = await parts_of(self._settings, self._telemetry, stack)
                await self._work(outlet)
        finally:
            await outlet.close()

    async def _open_page(self, outlet: Outlet, stack: AsyncExitStack) -> None:
        if self._settings.listen:
            page = Page(self._registry, lambda: self.statuses, outlet, lambda: self._is_ready)
            stack.push_async_callback(page.close)
            await page.open(self._settings.listen)

    async def _work(self, outlet: Outlet) -> None:
        sending = asyncio.create_task(outlet.run())
        collecting = asyncio.create_task(self._collect(outlet))
        stopping = asyncio.create_task(self._stopping.wait())
        self._is_ready = True
        try:
            await asyncio.wait((sending, collecting, stopping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._is_ready = False
            await _ended(collecting)
            await self._say_goodbye(outlet, sending)
            await _ended(stopping)
            await _ended(sending)
        for task in (collecting, sending):
            if not task.cancelled():
                task.result()

    async def _collect(self, outlet: Outlet) -> None:
        async with asyncio.TaskGroup() as tasks:
            for part in self._parts:
                tasks.create_task(part.run(outlet.take))

    async def _say_goodbye(self, outlet: Outlet, sending: asyncio.Task[None]) -> None:
        sent = asyncio.create_task(outlet.wait_sent())
        await asyncio.wait((sent, sending), timeout=_LAST_S, return_when=asyncio.FIRST_COMPLETED)
        await _ended(sent)

    def _run_in_thread(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self.run())
        except Exception:
            log.exception("the collector of this process has ended")


async def _ended(task: asyncio.Task[object]) -> None:
    """Cancel a task and wait for it, whatever becomes of it."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def collect(settings: CollectorSettings, registry: CollectorRegistry | None = None) -> None:
    """Run in the main thread until SIGTERM or SIGINT. Raises ConfigError."""
    give_back()
    collector = Collector(settings, registry)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_signalled(collector))


async def _until_signalled(collector: Collector) -> None:
    loop = asyncio.get_running_loop()

    def stop(signum: signal.Signals) -> None:
        log.info("stopping on %s", signum.name)
        collector.request_stop()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop, signum)
    # What start-up made stays: without it, every collection walks all of it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_OBJECTS)
    await collector.run()
