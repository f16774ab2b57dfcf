"""A cluster's objects, kept current by watching, and the pools that they feed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec

from collector.discovery.group import Group
from collector.discovery.job import Scope
from collector.discovery.kubernetes.roles import KINDS, ROLES, Key, object_key
from collector.discovery.pool import Pool
from collector.kube.change import Change, Kind, Resource

_AT_ONCE: Final = 100
"""Groups that are made without letting anything else run: some 10 ms."""
Watch = Callable[[Resource[Any]], AsyncIterator[Change[Any]]]
"""Tells a resource's objects and then their changes, for ever."""


@dataclass(slots=True)
class Listed:
    """What one watch has told: keys known, and those told since the last whole list."""

    known: set[str]
    told: set[str]
    synced: bool = False


class Cluster:
    """Objects of one scope. Groups are made once every watch has told its first list whole."""

    def __init__(self, scope: Scope, roles: Collection[str]) -> None:
        self._scope = scope
        self._roles = frozenset(roles)
        self._objects: dict[Key, Any] = {}
        self._backlog: dict[Key, None] = {}
        self._references: dict[Key, frozenset[Key]] = {}
        self._referring: defaultdict[Key, set[Key]] = defaultdict(set)
        self._pools: dict[str, list[tuple[Pool, str]]] = {role: [] for role in roles}
        self._lists = {
            (kind, namespace): Listed(set(), set())
            for kind in sorted(self._kinds())
            for namespace in self._namespaces(kind)
        }

    async def run(self, watch: Watch) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for (kind, namespace), listed in self._lists.items():
                tasks.create_task(self._follow(watch, kind, namespace, listed))

    async def _follow(self, watch: Watch, kind: str, namespace: str, listed: Listed) -> None:
        listed.told.clear()  # what was told before this watch began says nothing about the list to come
        async for change in watch(self.resource(kind, namespace)):
            self.apply(kind, change, listed)
            while self._backlog:
                self.settle(_AT_ONCE)
                await asyncio.sleep(0)

    def resource(self, kind: str, namespace: str = "") -> Resource[Any]:
        """What is watched for a kind."""
        of = KINDS[kind]
        chosen = {role: (label, field) for role, label, field in self._scope.selectors}
        label, field = chosen.get(kind, ("", ""))
        return Resource(of.group_version, of.plural, of.struct, namespace, field, label)

    @property
    def is_synced(self) -> bool:
        """Whether every watch has told its first list."""
        return all(listed.synced for listed in self._lists.values())

    @property
    def waiting(self) -> list[str]:
        """The resources whose first list has not come."""
        return sorted({KINDS[kind].plural for (kind, _), listed in self._lists.items() if not listed.synced})

    def subscribe(self, role: str, pool: Pool, prefix: str) -> None:
        """Feed a pool with the groups of a role, the present ones at once."""
        self._pools[role].append((pool, prefix))
        if self.is_synced:
            for kind, key in [*self._objects]:
                if kind == role:
                    pool.set(prefix + key, self._group((kind, key)))

    def unsubscribe(self, pool: Pool) -> None:
        """Feed a pool no more."""
        for role, pools in self._pools.items():
            self._pools[role] = [one for one in pools if one[0] is not pool]

    def settle(self, count: int) -> None:
        """Make groups of so many of the objects that were there when the first lists were whole."""
        for key in [*islice(self._backlog, count)]:
            del self._backlog[key]
            self._tell(key)

    def apply(self, kind: str, change: Change[Any], listed: Listed) -> None:
        """Take one change of a watch."""
        if change.kind is Kind.SYNCED:
            self._sync(kind, listed)
            return
        key = object_key(change.object)
        is_gone = change.kind is Kind.GONE
        (listed.known.discard if is_gone else listed.known.add)(key)
        (listed.told.discard if is_gone else listed.told.add)(key)
        self._put((kind, key), None if is_gone else change.object)

    def lists(self, kind: str) -> list[Listed]:
        """The watches of a kind."""
        return [listed for (of, _), listed in self._lists.items() if of == kind]

    def _sync(self, kind: str, listed: Listed) -> None:
        for key in listed.known - listed.told:
            self._put((kind, key), None)
        listed.known, listed.told = listed.told, set()
        if not listed.synced:
            listed.synced = True
            if self.is_synced:
                self._backlog.update(dict.fromkeys(self._objects))

    def _put(self, key: Key, item: Any | None) -> None:
        if item is not None and _is_same(self._objects.get(key), item):
            return
        for other in self._references.pop(key, ()):
            self._referring[other].discard(key)
            if not self._referring[other]:
                del self._referring[other]
        if item is None:
            self._objects.pop(key, None)
        else:
            self._objects[key] = item
            self._refer(key, item)
        if self.is_synced:
            for affected in (key, *self._referring.get(key, ())):
                self._backlog.pop(affected, None)
                self._tell(affected)

    def _refer(self, key: Key, item: Any) -> None:
        kind, _ = key
        if kind in self._roles:
            watched = {of for of, _ in self._lists}
            references = frozenset(one for one in ROLES[kind].references(item) if one[0] in watched)
            if references:
                self._references[key] = references
            for other in references:
                self._referring[other].add(key)

    def _tell(self, key: Key) -> None:
        kind, name = key
        pools = self._pools.get(kind, ())
        group = self._group(key) if pools else None
        for pool, prefix in pools:
            pool.set(prefix + name, group)

    def _group(self, key: Key) -> Group | None:
        item = self._objects.get(key)
        if item is None:
            return None
        return ROLES[key[0]].group(item, lambda kind, name: self._objects.get((kind, name)), self._with_nodes)

    @property
    def _with_nodes(self) -> bool:
        return self._scope.with_nodes

    def _kinds(self) -> set[str]:
        kinds = {kind for role in self._roles for kind in ROLES[role].kinds}
        return kinds | {"node"} if self._with_nodes else kinds

    def _namespaces(self, kind: str) -> tuple[str, ...]:
        return self._scope.namespaces if KINDS[kind].namespaced and self._scope.namespaces else ("",)


def _is_same(before: Any, now: Any) -> bool:
    """Whether nothing has changed that targets are made of: most changes of a pod are of other things."""
    if before is None:
        return False
    changed = now.metadata
    metadata = msgspec.structs.replace(
        before.metadata,
        resource_version=changed.resource_version,
        generation=changed.generation,
        finalizers=changed.finalizers,
        deletion_timestamp=changed.deletion_timestamp,
    )
    return bool(metadata == changed and msgspec.structs.replace(before, metadata=changed) == now)
