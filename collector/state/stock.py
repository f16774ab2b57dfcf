"""The objects of one kind, as series."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from collector.kube.change import Change
from collector.kube.change import Kind as Step
from collector.state.choice import StateChoice, picked
from collector.state.forms import Form, encoded_identity
from collector.state.kind import Described, Kind, Mapped, Spec
from collector.state.naming import label_names
from collector.state.shard import Shard
from collector.state.shelf import Key, Shelf
from collector.sweep import Sweep
from storage.model import Metadata

T = TypeVar("T", bound=Described)

_OBJECTS: Final = 100
"""Objects of one shelf: what is encoded is made anew for so many when one of them changes."""
_METADATA_INTERVAL_MS: Final = 300_000


@dataclass(slots=True)
class Stock(Generic[T]):
    """Takes changes of a kind's objects and gives sweeps.

    lists: how many lists were whole. refused: objects that could not be told. added: series that are new
    since the last sweep. An object that is refused is not there; one before it under its name is gone.
    """

    kind: Kind[T]
    choice: StateChoice
    target: Mapping[str, str]
    shard: Shard
    lists: int = 0
    changes: int = 0
    refused: int = 0
    added: int = 0
    error: str = ""
    shelves: list[Shelf] = field(default_factory=list)
    _made: int = 0
    _where: dict[Key, Shelf] = field(default_factory=dict)
    _told: set[Key] = field(default_factory=set)
    _families: list[tuple[Spec[T], Form]] = field(init=False)
    _metadata: tuple[Metadata, ...] = field(init=False)

    def __post_init__(self) -> None:
        specs = [spec for spec in self.kind.specs if self._has(spec)]
        identity = len(self.kind.identity_names)
        self._families = [(spec, Form.of(spec.family, identity, self.target)) for spec in specs]
        self._metadata = tuple(
            Metadata(spec.family.name, spec.family.type.value, spec.family.help, "") for spec in specs
        )

    @property
    def series(self) -> int:
        """How many series there are."""
        return sum(len(lines) for shelf in self.shelves for lines, _ in shelf.objects.values())

    @property
    def objects(self) -> int:
        """How many objects there are."""
        return sum(len(shelf.objects) for shelf in self.shelves)

    def take(self, change: Change[T]) -> None:
        """One step of a watch. Never raises for what is in an object."""
        if change.kind is Step.SYNCED:
            self.lists += 1
            for key in [key for key in self._where if key not in self._told]:
                self._remove(key)
            self._told = set()
            return
        self.changes += 1
        assert change.object is not None
        key = (change.object.metadata.namespace, change.object.metadata.name)
        if change.kind is Step.GONE:
            self._told.discard(key)
            self._remove(key)
        elif self.shard.has(change.object.metadata.uid):
            self._told.add(key)
            self._set(key, change.object)
        else:
            self._remove(key)

    def sweeps(self, now_ms: int) -> Iterator[Sweep]:
        """All series, a sweep a shelf; none before a list was whole. Changes may come in between."""
        if not self.lists:
            return
        self.added = 0
        for shelf in self.shelves:
            yield shelf.sweep(now_ms, self._described(shelf, now_ms))
        self.shelves = [shelf for shelf in self.shelves if shelf.objects or shelf.ending]
        self._where = {
            key: shelf for key, shelf in self._where.items() if key in shelf.objects or shelf.ending
        }

    def last(self, now_ms: int) -> Iterator[Sweep]:
        """An end to all series."""
        for shelf in self.shelves:
            yield shelf.last(now_ms)
        self.shelves, self._where, self._told = [], {}, set()

    def rows(self, item: T) -> Iterator[tuple[Spec[T], tuple[str, ...], Mapping[str, str], float]]:
        """An object's samples: family, values of its label names, labels that the object names, value."""
        identity = self.kind.identity(item)
        for spec, _ in self._families:
            further = self._further(spec.mapped, item) if spec.mapped else {}
            if further is not None:
                for values, value in spec.rows(item):
                    yield spec, identity + values, further, value

    def _has(self, spec: Spec[T]) -> bool:
        is_allowed = spec.mapped is None or not spec.mapped.allowed_by or bool(self._keys(spec.mapped))
        return is_allowed and self.choice.has_family(spec.family.name, spec.is_opt_in)

    def _keys(self, mapped: Mapped[T]) -> frozenset[str]:
        allowed = self.choice.labels if mapped.allowed_by == "labels" else self.choice.annotations
        return allowed.of(self.kind.resource.plural)

    def _further(self, mapped: Mapped[T], item: T) -> Mapping[str, str] | None:
        pairs = mapped.pairs(item)
        if mapped.allowed_by:
            return label_names(mapped.prefix, picked(pairs, self._keys(mapped)))
        return label_names(mapped.prefix, pairs) if pairs else None

    def _set(self, key: Key, item: T) -> None:
        try:
            series = self._series(item)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.refused += 1
            self.error = f"{self.kind.resource.plural} {key[0]}/{key[1]}: {error}"
            self._remove(key)
            return
        shelf = self._where.get(key)
        if shelf is None:
            shelf = self._where[key] = self._roomy()
        lines, values = tuple(series), series.values()
        self.added += shelf.put(key, lines, struct.pack(f"<{len(lines)}d", *values))

    def _series(self, item: T) -> dict[bytes, float]:
        """Values by encoded labels. Of rows with equal labels the first counts."""
        identity = self.kind.identity(item)
        encoded = encoded_identity(self.kind.identity_names, identity)
        found: dict[bytes, float] = {}
        for spec, form in self._families:
            if spec.mapped is not None:
                further = self._further(spec.mapped, item)
                if further is not None:
                    found[form.wide_line(identity, further)] = 1.0
                continue
            for values, value in spec.rows(item):
                found.setdefault(form.line(encoded, values), value)
        return found

    def _remove(self, key: Key) -> None:
        shelf = self._where.get(key)
        # The shelf stays the object's until it is swept: what comes back must not end after it has begun.
        if shelf is not None and key in shelf.objects:
            shelf.remove(key)

    def _roomy(self) -> Shelf:
        for shelf in reversed(self.shelves):
            if len(shelf.objects) < _OBJECTS:
                return shelf
        self._made += 1
        self.shelves.append(Shelf(f"state/{self.kind.resource.plural}/{self._made}"))
        return self.shelves[-1]

    def _described(self, shelf: Shelf, now_ms: int) -> tuple[Metadata, ...]:
        """What the families are, every few minutes."""
        said_ms = shelf.described_ms
        if said_ms is not None and 0 <= now_ms - said_ms < _METADATA_INTERVAL_MS:
            return ()
        shelf.described_ms = now_ms
        return self._metadata


AnyStock = Stock[Any]
