"""From the log's thread back to the event loop: one wake-up for all requests that became durable together."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future


class Acknowledgements:
    """Lets requests wait for the log. Of one event loop."""

    def __init__(self) -> None:
        self._ready: deque[tuple[asyncio.Future[None], Future[None]]] = deque()

    async def wait(self, durable: Future[None]) -> None:
        """Return once the future is done, or raise what it raises."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def done(finished: Future[None]) -> None:
            self._ready.append((waiter, finished))
            # Whoever finds others before itself knows that the loop was woken and has not looked yet.
            if len(self._ready) == 1:
                loop.call_soon_threadsafe(self._answer)

        durable.add_done_callback(done)
        await waiter

    def _answer(self) -> None:
        while self._ready:
            waiter, finished = self._ready.popleft()
            if waiter.done():
                continue
            error = finished.exception()
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)
