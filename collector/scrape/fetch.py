"""One page over HTTP: asked for as Prometheus asks, taken in pieces, cut where it is too long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from collector.scrape.access import Access
from collector.scrape.inflate import PIECE_BYTES, Inflate
from collector.target import Target
from storage.errors import ScrapeError

_TEXTS: Final = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.{},"
    "application/openmetrics-text;version=0.0.1;q=0.{},"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.{},"
    "text/plain;version=0.0.4;q=0.{},*/*;q=0.{}"
)
ACCEPT: Final = _TEXTS.format(6, 5, 4, 3, 2)
"""As Prometheus 3 asks by default."""
ACCEPT_NATIVE: Final = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    + _TEXTS.format(5, 4, 3, 2, 1)
)
"""As it asks where native histograms are wanted."""
_ENCODINGS: Final = frozenset(("", "identity", "gzip"))
_KEEPALIVE_S: Final = 150.0
_MOST_REDIRECTS: Final = 10


@dataclass(frozen=True, slots=True)
class Answer:
    """A page that begins to come. media: its type without parameters, in lower case."""

    media: str
    response: aiohttp.ClientResponse
    body_size_limit: int

    async def pieces(self) -> AsyncIterator[bytes]:
        """The page, no longer compressed, in pieces of some 100 kB. Raises `ScrapeError`."""
        size, waiting = 0, bytearray()
        async for piece in self._opened():
            size += len(piece)
            if 0 < self.body_size_limit < size:
                raise ScrapeError(
                    f"the page has more than the limit (body_size_limit) of {self.body_size_limit} bytes",
                    "body_size_limit",
                )
            waiting += piece
            if len(waiting) >= PIECE_BYTES:
                yield bytes(waiting)
                waiting.clear()
        if waiting:
            yield bytes(waiting)

    async def _opened(self) -> AsyncIterator[bytes]:
        encoding = self.response.headers.get("Content-Encoding", "").lower()
        if encoding not in _ENCODINGS:
            raise ScrapeError(f"the page is encoded as {encoding!r}, expected gzip or nothing", "encoding")
        inflate = Inflate() if encoding == "gzip" else None
        async for raw in self.response.content.iter_any():
            if inflate is None:
                yield raw
                continue
            for piece in inflate.pieces(raw):
                yield piece
        if inflate is not None:
            inflate.finish()


class Fetch:
    """Asks for pages over connections that stay open. To be made, used and closed in one event loop."""

    def __init__(self) -> None:
        self._access = Access()
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
            headers={"User-Agent": "swell-collector", "Accept-Encoding": "gzip"},
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    @asynccontextmanager
    async def page(self, target: Target) -> AsyncIterator[Answer]:
        """The answer of a target, if it is 200. Raises `ScrapeError`, also while the answer is read."""
        timeout_s = target.timeout_ms / 1000
        headers = {
            "Accept": ACCEPT_NATIVE if target.native_histograms else ACCEPT,
            "X-Prometheus-Scrape-Timeout-Seconds": f"{timeout_s:g}",
            **self._access.headers(target.credentials),
        }
        is_tls = urlsplit(target.url).scheme == "https"
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.get(
                    URL(target.url, encoded=True),  # as it was configured, byte by byte
                    headers=headers,
                    ssl=self._access.tls(target.trust) if is_tls else True,
                    server_hostname=target.trust.server_name or None,
                    allow_redirects=target.follow_redirects,
                    max_redirects=_MOST_REDIRECTS,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as response,
            ):
                if response.status != 200:
                    raise ScrapeError(f"the target answered HTTP {response.status}", "http_status")
                media = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
                yield Answer(media, response, target.bounds.body_size_bytes)
        except TimeoutError:
            raise ScrapeError(f"no whole page within {timeout_s:g} s (scrape_timeout)", "timeout") from None
        except (aiohttp.ClientError, OSError) as error:
            raise ScrapeError(f"{type(error).__name__}: {error}", "connection") from None
