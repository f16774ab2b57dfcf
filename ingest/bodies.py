"""Bodies of requests while they arrive: how large, how slow and how many at once they may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from storage.errors import LimitError, OverloadedError


class Bodies:
    """Reads bodies. What they hold together is bounded: the one that takes the longest gives way.

    A sender that is well sends its body at once; a thousand that do not must not stop it. Of one event loop.
    """

    def __init__(self, max_pending_bytes: int, timeout_s: float) -> None:
        self._max_pending_bytes = max_pending_bytes
        self._timeout_s = timeout_s
        self._pending_bytes = 0
        self._arriving: dict[asyncio.Task[object], int] = {}
        self._cut: set[asyncio.Task[object]] = set()

    async def read(self, parts: AsyncIterator[bytes], headers: Mapping[str, str], max_bytes: int) -> bytes:
        """A whole body. Raises `LimitError` for one of more than `max_bytes`, or one that takes too long.

        Raises `OverloadedError` where it has to give way.
        """
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > max_bytes:
            raise LimitError(
                f"the body has {declared} bytes, the limit (ingest.max_body_bytes) is {max_bytes}"
            )
        task = asyncio.current_task()
        assert task is not None
        self._arriving[task] = 0
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._gather(task, parts, max_bytes)
        except TimeoutError:
            raise LimitError(
                f"the body did not arrive within the limit (ingest.body_timeout_s) of {self._timeout_s:g} s"
            ) from None
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            raise OverloadedError(
                "bodies that arrive hold more than the limit (ingest.max_pending_bytes) of "
                f"{self._max_pending_bytes} bytes, and this one took the longest"
            ) from None
        finally:
            self._cut.discard(task)
            self._pending_bytes -= self._arriving.pop(task)

    async def _gather(self, task: asyncio.Task[object], parts: AsyncIterator[bytes], max_bytes: int) -> bytes:
        found = []
        async for part in parts:
            self._arriving[task] += len(part)
            self._pending_bytes += len(part)
            if self._arriving[task] > max_bytes:
                raise LimitError(
                    f"the body has more than {max_bytes} bytes, the limit (ingest.max_body_bytes)"
                )
            if self._pending_bytes > self._max_pending_bytes:
                self._make_room()
            found.append(part)
        return b"".join(found)

    def _make_room(self) -> None:
        oldest = next((task for task, size in self._arriving.items() if size and task not in self._cut), None)
        if oldest is not None:
            self._cut.add(oldest)
            oldest.cancel()
