"""A resource's objects and then their changes, for ever: list in pages, watch, list again where that is lost.

The protocol is that of Kubernetes's documentation, "API concepts": a list has a resourceVersion that a watch
goes on from, bookmarks move it on, and 410 Gone says that it is too old to go on from.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from collector.kube.change import Change, Kind, Resource
from collector.kube.client import ApiError, Client, Status, path_of

log = logging.getLogger(__name__)

T = TypeVar("T")

_PAGE: Final = "500"
_GONE: Final = 410
_WATCH_S: Final = (240.0, 480.0)
_IDLE_S: Final = 120.0
"""A watch that tells nothing for so long, not even a bookmark, is asked for again."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0

Pause = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Tally:
    """Calls for a resource by what became of them, objects that could not be read, and the last failure."""

    listed: int = 0
    list_errors: int = 0
    watched: int = 0
    watch_errors: int = 0
    refused: int = 0
    error: str = ""


class _ListMeta(msgspec.Struct, frozen=True):
    resource_version: str = msgspec.field(name="resourceVersion", default="")
    next_page: str = msgspec.field(name="continue", default="")


class _List(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"{}")


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _ListMeta = _ListMeta()


_LISTS: Final = msgspec.json.Decoder(_List)
_EVENTS: Final = msgspec.json.Decoder(_Event)
_VERSIONS: Final = msgspec.json.Decoder(_Versioned)
_STATUSES: Final = msgspec.json.Decoder(Status)


async def changes(
    client: Client, resource: Resource[T], tally: Tally | None = None, pause: Pause = asyncio.sleep
) -> AsyncIterator[Change[T]]:
    """Every object as SET, SYNCED when the list is whole, and every change from then on.

    A list that had to be made again gives a GONE for each object that it lacks, with nothing but name,
    namespace and uid, before SYNCED. Never ends, and raises nothing but what cancels it.
    """
    reflector = _Reflector(client, resource, tally or Tally())
    failures = 0
    while True:
        try:
            async for change in reflector.turn():
                failures = 0
                yield change
            failures = 0 if reflector.was_told else failures + 1
            if not reflector.was_told:
                await pause(_pause_s(failures))
        except (ApiError, msgspec.MsgspecError) as error:
            reflector.failed(error, is_first=failures == 0)
            failures += 1
            asked_s = error.retry_after_s if isinstance(error, ApiError) else 0.0
            await pause(max(asked_s, _pause_s(failures)))


def _pause_s(failures: int) -> float:
    longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1.0)


class _Reflector(Generic[T]):
    """What is known of a resource between two calls."""

    def __init__(self, client: Client, resource: Resource[T], tally: Tally) -> None:
        self.was_told = False
        self._client = client
        self._resource = resource
        self._tally = tally
        self._path = path_of(resource)
        self._decoder = msgspec.json.Decoder(resource.struct)
        self._version = ""
        self._known: dict[tuple[str, str], str] = {}

    async def turn(self) -> AsyncIterator[Change[T]]:
        """One list where one is needed, else one watch until it ends."""
        self.was_told = False
        if not self._version:
            async for change in self._list():
                yield change
            self.was_told = True
            return
        async for change in self._watch():
            yield change

    def failed(self, error: Exception, is_first: bool) -> None:
        """Count a failure; 410 means to list again."""
        if isinstance(error, ApiError) and error.status == _GONE:
            self._version = ""
        if self._version:
            self._tally.watch_errors += 1
        else:
            self._tally.list_errors += 1
        self._tally.error = str(error)
        log.log(logging.WARNING if is_first else logging.DEBUG, "%s: %s", self._path, error)

    async def _list(self) -> AsyncIterator[Change[T]]:
        parameters = {"limit": _PAGE, **self._selectors()}
        found: set[tuple[str, str]] = set()
        while True:
            page = _LISTS.decode(await self._client.get(self._path, parameters))
            for raw in page.items or ():
                item = self._decoded(raw)
                if item is not None:
                    found.add(self._remember(item))
                    yield Change(Kind.SET, item)
            if not page.metadata.next_page:
                break
            parameters = {**parameters, "continue": page.metadata.next_page}
        for key in [key for key in self._known if key not in found]:
            yield Change(Kind.GONE, self._remains(key))
            del self._known[key]
        self._version = page.metadata.resource_version or "0"
        self._tally.listed += 1
        self._tally.error = ""
        yield Change(Kind.SYNCED)

    async def _watch(self) -> AsyncIterator[Change[T]]:
        parameters = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(round(random.uniform(*_WATCH_S))),  # so that not all end at once
            **self._selectors(),
        }
        async for line in self._client.lines(self._path, parameters, _IDLE_S):
            if not line.strip():
                continue
            event = _EVENTS.decode(line)
            if event.type == "ERROR":
                status = _STATUSES.decode(event.object)
                raise ApiError(f"the watch ended: {status.message}", status.code)
            self.was_told = True
            self._version = _VERSIONS.decode(event.object).metadata.resource_version or self._version
            change = self._change(event)
            if change is not None:
                yield change
        self._tally.watched += 1
        self._tally.error = ""

    def _change(self, event: _Event) -> Change[T] | None:
        if event.type not in ("ADDED", "MODIFIED", "DELETED"):
            return None
        item = self._decoded(event.object)
        if item is None:
            return None
        if event.type == "DELETED":
            key = (item.metadata.namespace, item.metadata.name)  # type: ignore[attr-defined]  # all have metadata
            return None if self._known.pop(key, None) is None else Change(Kind.GONE, item)
        self._remember(item)
        return Change(Kind.SET, item)

    def _decoded(self, raw: msgspec.Raw) -> T | None:
        """An object; one that is not as its kind should be is passed over alone."""
        try:
            return self._decoder.decode(raw)
        except msgspec.MsgspecError as error:
            self._tally.refused += 1
            self._tally.error = str(error)
            log.warning("%s: an object was passed over: %s", self._path, error)
            return None

    def _remember(self, item: Any) -> tuple[str, str]:
        metadata = item.metadata
        key = (metadata.namespace, metadata.name)
        self._known[key] = metadata.uid
        return key

    def _remains(self, key: tuple[str, str]) -> T:
        namespace, name = key
        metadata = {"namespace": namespace, "name": name, "uid": self._known[key]}
        return msgspec.convert({"metadata": metadata}, self._resource.struct)

    def _selectors(self) -> dict[str, str]:
        selectors = {
            "labelSelector": self._resource.label_selector,
            "fieldSelector": self._resource.field_selector,
        }
        return {name: value for name, value in selectors.items() if value}
