"""Election of a leader by a Lease (coordination.k8s.io/v1), as Kubernetes's own components do it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from collector.kube.client import ApiError, Client

log = logging.getLogger(__name__)

_CONFLICT: Final = 409
_MISSING: Final = 404


class _Spec(msgspec.Struct, rename="camel"):
    holder_identity: str | None = ""
    lease_duration_seconds: int | None = 0
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = 0


class _Metadata(msgspec.Struct, rename="camel", omit_defaults=True):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class _Lease(msgspec.Struct, rename="camel"):
    metadata: _Metadata
    spec: _Spec
    api_version: str = "coordination.k8s.io/v1"
    kind: str = "Lease"


_LEASES: Final = msgspec.json.Decoder(_Lease)


@dataclass(slots=True)
class Election:
    """One candidate. Whoever holds the lease renews it; who sees it not renewed for its duration takes it.

    How old a lease is, is measured since this process saw it change, so that clocks need not agree.
    now: seconds since the epoch, for eyes. clock: seconds that only grow.
    """

    client: Client
    namespace: str
    name: str
    identity: str
    duration_s: float = 15.0
    now: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    holder: str = ""
    _seen: tuple[str, str] = ("", "")
    _seen_at: float = 0.0
    _renewed_at: float = 0.0

    @property
    def retry_s(self) -> float:
        """How often the lease is looked at and renewed."""
        return self.duration_s / 5

    async def wait_elected(self) -> None:
        """Until this candidate leads."""
        while not await self._try():
            await self.sleep(self.retry_s)
        log.info("%s leads by the lease %s/%s", self.identity, self.namespace, self.name)

    async def wait_lost(self) -> None:
        """Renew until that fails for two thirds of the duration, or another leads."""
        while True:
            await self.sleep(self.retry_s)
            is_ours = await self._try()
            lapsed_s = self.clock() - self._renewed_at
            if not is_ours and (self.holder not in ("", self.identity) or lapsed_s > self.duration_s * 2 / 3):
                log.warning("%s no longer leads; %s does", self.identity, self.holder or "nobody")
                return

    async def release(self) -> None:
        """Let another lead at once."""
        try:
            lease = await self._read()
            if lease is not None and lease.spec.holder_identity == self.identity:
                lease.spec.holder_identity = ""
                lease.spec.lease_duration_seconds = 1
                await self._write("PUT", f"/{self.name}", lease)
        except ApiError as error:
            log.info("the lease %s was not released: %s", self.name, error)

    async def _try(self) -> bool:
        """Take or renew the lease; whether it is ours."""
        try:
            lease = await self._read()
            if lease is None:
                await self._write("POST", "", self._taken(None))
            elif self._may_take(lease):
                await self._write("PUT", f"/{self.name}", self._taken(lease))
            else:
                return False
        except (ApiError, msgspec.MsgspecError) as error:
            is_beaten = isinstance(error, ApiError) and error.status == _CONFLICT
            log.log(logging.DEBUG if is_beaten else logging.WARNING, "lease %s: %s", self.name, error)
            return False
        self.holder, self._renewed_at = self.identity, self.clock()
        return True

    def _may_take(self, lease: _Lease) -> bool:
        spec = lease.spec
        self.holder = spec.holder_identity or ""
        seen = (self.holder, lease.metadata.resource_version)
        if seen != self._seen:
            self._seen, self._seen_at = seen, self.clock()
        duration_s = spec.lease_duration_seconds or self.duration_s
        return self.holder in ("", self.identity) or self.clock() - self._seen_at > duration_s

    def _taken(self, lease: _Lease | None) -> _Lease:
        moment = datetime.fromtimestamp(self.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        old = lease.spec if lease is not None else _Spec()
        is_new = old.holder_identity != self.identity
        spec = _Spec(
            self.identity,
            max(1, round(self.duration_s)),
            moment if is_new else old.acquire_time,
            moment,
            (old.lease_transitions or 0) + (1 if is_new and lease is not None else 0),
        )
        version = lease.metadata.resource_version if lease is not None else ""
        return _Lease(_Metadata(self.name, self.namespace, version), spec)

    async def _read(self) -> _Lease | None:
        try:
            return _LEASES.decode(await self.client.get(f"{self._path}/{self.name}"))
        except ApiError as error:
            if error.status == _MISSING:
                return None
            raise

    async def _write(self, method: str, path: str, lease: _Lease) -> None:
        await self.client.send(method, self._path + path, msgspec.json.encode(lease))

    @property
    def _path(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
