"""Groups of targets that a service answers with."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp

from collector.discovery.group import Group, groups_of
from collector.discovery.job import Http
from collector.discovery.pool import Pool
from collector.discovery.section import as_text
from collector.scrape.access import Access
from storage.errors import ConfigError, ScrapeError

log = logging.getLogger(__name__)

_URL: Final = "__meta_url"
_MAX_BODY_BYTES: Final = 16 << 20
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)


class HttpFinder:
    """Asks every refresh interval. While the service fails, the last targets stay."""

    def __init__(self, pool: Pool, prefix: str, source: Http, session: aiohttp.ClientSession) -> None:
        self.problems: dict[str, str] = {}
        self._pool = pool
        self._prefix = prefix
        self._source = source
        self._session = session
        self._access = Access()

    async def run(self, pause: Callable[[float], Awaitable[None]]) -> None:
        """Keep the pool current until cancelled."""
        while True:
            await self.refresh()
            await pause(self._source.refresh_ms / 1000)

    async def refresh(self) -> None:
        """Ask once."""
        url = self._source.url
        try:
            groups = groups_of(as_text(json.loads(await self._ask())), "targets")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, ConfigError, ScrapeError) as error:
            reason = str(error) or type(error).__name__
            log.warning("%s: %s: %s", self._pool.job.name, url, reason)
            self.problems[url] = reason
            return
        self.problems.pop(url, None)
        marked = [Group(group.targets, {**group.labels, _URL: url}) for group in groups]
        self._pool.set_all(f"{self._prefix}{url}:", ((str(n), group) for n, group in enumerate(marked)))

    async def _ask(self) -> bytes:
        access = self._source.access
        headers = {
            "Accept": "application/json",
            "X-Prometheus-Refresh-Interval-Seconds": f"{self._source.refresh_ms / 1000:g}",
            **self._access.headers(access.credentials),
        }
        async with self._session.get(
            self._source.url,
            headers=headers,
            ssl=self._access.tls(access.trust),
            server_hostname=access.trust.server_name or None,
            allow_redirects=access.follow_redirects,
            timeout=_TIMEOUT,
        ) as answer:
            if answer.status != 200:
                raise ConfigError(f"answered {answer.status}, expected 200")
            if answer.content_type != "application/json":
                raise ConfigError(f"answered {answer.content_type}, expected application/json")
            body = await answer.content.read(_MAX_BODY_BYTES + 1)
            while not answer.content.at_eof() and len(body) <= _MAX_BODY_BYTES:
                body += await answer.content.read(_MAX_BODY_BYTES + 1 - len(body))
        if len(body) > _MAX_BODY_BYTES:
            raise ConfigError(f"answered more than {_MAX_BODY_BYTES} bytes")
        return body
