"""Groups of targets that a service answers with."""

from __future__ import annotations

import json
import logging
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

from collector.discovery.group import Group, groups_of
from collector.discovery.job import Http
from collector.discovery.pool import Pool
from collector.discovery.section import as_text
from collector.target import Credentials, Trust
from storage.errors import ConfigError

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
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, ConfigError) as error:
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
            **_authorization(access.credentials),
        }
        async with self._session.get(
            self._source.url,
            headers=headers,
            ssl=_verification(access.trust),
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


def _authorization(credentials: Credentials) -> dict[str, str]:
    token = credentials.bearer or _read(credentials.bearer_file)
    if credentials.username:
        password = credentials.password or _read(credentials.password_file)
        token = b64encode(f"{credentials.username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {token}"}
    return {"Authorization": f"{credentials.scheme} {token}"} if token else {}


def _read(path: Path | None) -> str:
    return path.read_text().strip() if path else ""


def _verification(trust: Trust) -> Any:
    if trust == Trust():
        return True
    context = ssl.create_default_context(cafile=str(trust.ca_file) if trust.ca_file else None)
    if trust.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if trust.cert_file and trust.key_file:
        context.load_cert_chain(trust.cert_file, trust.key_file)
    return context
