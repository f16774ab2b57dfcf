"""A thin client of the API of Kubernetes: bytes in and out; a token and certificates that are read again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from collector.kube.change import Resource
from collector.scrape.access import Access
from collector.target import Credentials, Trust
from storage.errors import ConfigError, Error, ScrapeError

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_ANSWER_S: Final = 60.0
_CONNECT_S: Final = 10.0
_MAX_LINE_BYTES: Final = 16 << 20


class ApiError(Error):
    """The API refused, or gave no answer. status: of HTTP, 0 where there was none."""

    def __init__(self, message: str, status: int = 0, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class Status(msgspec.Struct, frozen=True):
    """What the API says where it refuses."""

    message: str = ""
    reason: str = ""
    code: int = 0


class Client:
    """Connections that stay open. To be used and closed in one event loop; every method raises ApiError."""

    def __init__(self, url: str, credentials: Credentials | None = None, trust: Trust | None = None) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials or Credentials()
        self._trust = trust or Trust()
        self._access = Access()
        self._opened: aiohttp.ClientSession | None = None

    @staticmethod
    def in_cluster(environment: Mapping[str, str] = os.environ, account: Path = SERVICE_ACCOUNT) -> Client:
        """By the service account of the pod that this process runs in. Raises ConfigError outside of one."""
        host, port = (environment.get(f"KUBERNETES_SERVICE_{name}", "") for name in ("HOST", "PORT"))
        if not host or not port:
            raise ConfigError("KUBERNETES_SERVICE_HOST and _PORT are not set: this is no pod of a cluster")
        host = f"[{host}]" if ":" in host else host
        credentials = Credentials(bearer_file=account / "token")
        return Client(f"https://{host}:{port}", credentials, Trust(ca_file=account / "ca.crt"))

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.close()

    async def get(self, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The answer to a GET."""
        return await self.send("GET", path, parameters=parameters)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        parameters: Mapping[str, str] | None = None,
    ) -> bytes:
        """The answer to a request."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S, sock_connect=_CONNECT_S)
        headers = {"Content-Type": content_type} if body is not None else {}
        try:
            async with self._request(method, path, parameters, headers, body, timeout) as answer:
                content = await answer.read()
                _check(answer, content)
                return content
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(error) from None

    async def lines(self, path: str, parameters: Mapping[str, str], idle_s: float) -> AsyncIterator[bytes]:
        """The lines of an answer that goes on; ends with it, or when nothing comes for idle_s."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=idle_s)
        try:
            async with self._request("GET", path, parameters, {}, None, timeout) as answer:
                if answer.status != 200:
                    _check(answer, await answer.read())
                rest = bytearray()
                async for piece in answer.content.iter_any():
                    rest += piece
                    if b"\n" in piece:
                        *whole, last = rest.split(b"\n")
                        rest = bytearray(last)
                        for line in whole:
                            yield bytes(line)
                    elif len(rest) > _MAX_LINE_BYTES:
                        raise ApiError(f"a line of more than {_MAX_LINE_BYTES} bytes")
        except aiohttp.SocketTimeoutError:
            return
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(error) from None

    def _request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.client._RequestContextManager:
        try:
            authorization = self._access.headers(self._credentials)
            tls = self._access.tls(self._trust) if self._url.startswith("https:") else True
        except ScrapeError as error:
            raise ApiError(str(error)) from None
        return self._session.request(
            method,
            self._url + path,
            params=dict(parameters or {}),
            headers={"Accept": "application/json", **headers, **authorization},
            data=body,
            ssl=tls,
            server_hostname=self._trust.server_name or None,
            timeout=timeout,
            allow_redirects=False,
        )

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(limit=0),
                headers={"User-Agent": "swell-collector"},
            )
        return self._opened


def path_of(resource: Resource[Any]) -> str:
    """Where a resource lies: `/api/v1/namespaces/a/pods`."""
    root = "/apis" if "/" in resource.group_version else "/api"
    within = f"/namespaces/{resource.namespace}" if resource.namespace else ""
    return f"{root}/{resource.group_version}{within}/{resource.plural}"


def _check(answer: aiohttp.ClientResponse, content: bytes) -> None:
    if answer.status < 300:
        return
    try:
        message = msgspec.json.decode(content, type=Status).message
    except msgspec.MsgspecError:
        message = content[:200].decode(errors="replace")
    after = answer.headers.get("Retry-After", "")
    raise ApiError(
        f"{answer.method} {answer.url.path}: HTTP {answer.status}: {message}",
        answer.status,
        float(after) if after.isascii() and after.isdigit() else 0.0,
    )


def _unreachable(error: Exception) -> ApiError:
    return ApiError(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
