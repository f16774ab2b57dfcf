"""Bodies while they arrive: what is too long, too slow or too much gives way, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ingest.bodies import Bodies
from storage.errors import LimitError, OverloadedError


async def parts(*sizes: int, stalls: bool = False) -> AsyncIterator[bytes]:
    for size in sizes:
        yield b"x" * size
    if stalls:
        await asyncio.Event().wait()


def test_a_body_is_read_whole() -> None:
    assert asyncio.run(Bodies(100, 1).read(parts(3, 4), {}, 10)) == b"x" * 7


@pytest.mark.parametrize(("sizes", "headers"), [((6, 6), {}), ((), {"content-length": "11"})])
def test_a_body_that_is_too_long_is_refused(sizes: tuple[int, ...], headers: dict[str, str]) -> None:
    with pytest.raises(LimitError, match=r"ingest\.max_body_bytes"):
        asyncio.run(Bodies(100, 1).read(parts(*sizes), headers, 10))


def test_a_body_that_stalls_is_given_up() -> None:
    with pytest.raises(LimitError, match=r"ingest\.body_timeout_s\) of 0\.001 s"):
        asyncio.run(Bodies(100, 0.001).read(parts(5, stalls=True), {}, 10))


def test_where_bodies_hold_too_much_the_one_that_takes_the_longest_gives_way() -> None:
    async def case() -> None:
        bodies = Bodies(100, 60)
        slow = [asyncio.ensure_future(bodies.read(parts(45, stalls=True), {}, 50)) for _ in range(2)]
        await asyncio.sleep(0)
        assert await bodies.read(parts(30), {}, 50) == b"x" * 30
        with pytest.raises(OverloadedError, match=r"ingest\.max_pending_bytes"):
            await slow[0]
        assert await bodies.read(parts(50), {}, 50) == b"x" * 50
        slow[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow[1]
        assert await bodies.read(parts(50), {}, 50) == b"x" * 50

    asyncio.run(case())
