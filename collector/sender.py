"""Posts to one remote write receiver, and what its answers mean.

Remote write 2.0 is asked for first. Its specification has a receiver that does not know it answer 415, or
answer without saying how much was written, which is how one of 1.0 takes a message that it does not know.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from collector.bearer import Token
from collector.body import Body
from collector.scrape.access import Access
from collector.target import Trust
from storage.errors import ScrapeError

_WRITTEN: Final = (
    "X-Prometheus-Remote-Write-Samples-Written",
    "X-Prometheus-Remote-Write-Histograms-Written",
)
HEADERS: Final[Mapping[int, Mapping[str, str]]] = {
    1: {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    },
    2: {
        "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "2.0.0",
    },
}
_REASON_BYTES: Final = 300
_PASSING: Final = frozenset((401, 403, 404, 408, 429))
"""The address, the token or the load is to blame, not the body, which waits until an operator mends it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said.

    retry: whether the same body may succeed later; after_s: when it wants it. written: samples and histograms
    that it says it wrote, None where it does not say. is_unknown: it does not know the body's version.
    """

    ok: bool
    retry: bool = False
    after_s: float = 0.0
    reason: str = ""
    written: int | None = None
    is_unknown: bool = False


@dataclass(slots=True)
class Sender:
    """Posts bodies to one address, over connections that are kept open. Of one event loop."""

    url: str
    token: Token
    timeout_s: float = 10.0
    trust: Trust = field(default_factory=Trust)
    headers: Mapping[str, str] = field(default_factory=dict)
    now: Callable[[], float] = time.time
    _access: Access = field(default_factory=Access)
    _session: aiohttp.ClientSession | None = None

    async def post(self, body: Body) -> Answer:
        """One attempt."""
        headers = {**self.headers, **HEADERS[body.version], **self.token.headers()}
        try:
            async with self._opened().post(
                self.url,
                data=body.content,
                headers=headers,
                ssl=self._access.tls(self.trust) if self.url.startswith("https:") else True,
                server_hostname=self.trust.server_name or None,
                timeout=aiohttp.ClientTimeout(total=self.timeout_s),
                allow_redirects=False,  # a token is for the address that was given
            ) as response:
                text = (
                    ""
                    if response.ok
                    else (await response.content.read(_REASON_BYTES)).decode(errors="replace")
                )
                return self._judge(response.status, response.headers, text.strip(), body)
        except TimeoutError:
            return Answer(False, retry=True, reason=f"no answer within {self.timeout_s:g} s")
        except (aiohttp.ClientError, OSError, ScrapeError) as error:
            return Answer(False, retry=True, reason=f"{type(error).__name__}: {error}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A proxy of the environment is for the way out, not for this machine.
            self._session = aiohttp.ClientSession(
                headers={"User-Agent": "swell-collector"},
                trust_env=not _is_loopback(self.url),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def _judge(self, status: int, headers: Mapping[str, str], text: str, body: Body) -> Answer:
        written = _written(headers)
        if 200 <= status < 300:
            return Answer(True, written=written, is_unknown=body.version > 1 and written is None)
        reason = f"{status}: {text}"
        if status == 415 and body.version > 1:
            return Answer(False, reason=reason, is_unknown=True)
        if status in _PASSING or status >= 500 or status < 400:
            after_s = retry_after_s(headers.get("Retry-After", ""), self.now())
            return Answer(False, retry=True, after_s=after_s, reason=reason)
        return Answer(False, reason=reason, written=written)


def _written(headers: Mapping[str, str]) -> int | None:
    counts = [int(headers[name]) for name in _WRITTEN if headers.get(name, "").isdigit()]
    return sum(counts) if counts else None


def retry_after_s(value: str, now_s: float) -> float:
    """The header Retry-After, seconds or a date (RFC 9110, 10.2.3), as seconds from now; 0 for none."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_s)
    except ValueError:
        return 0.0


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
