"""What a watch tells, and what can be watched. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Kind(Enum):
    """What happened to an object. SYNCED: the list before it is whole; what was not in it is gone."""

    SET = "set"
    GONE = "gone"
    SYNCED = "synced"


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """One step. `object` is None for SYNCED only. A SET may repeat what is known."""

    kind: Kind
    object: T | None = None


@dataclass(frozen=True, slots=True)
class Resource(Generic[T]):
    """A resource of the API: `/api/v1/pods` is Resource("v1", "pods", Pod).

    group_version: as in `apiVersion`. struct: a msgspec struct with at least `metadata`; only its fields are
    decoded. namespace: '' for all. field_selector, label_selector: as the API takes them.
    """

    group_version: str
    plural: str
    struct: type[T]
    namespace: str = ""
    field_selector: str = ""
    label_selector: str = ""


class Metadata(msgspec.Struct, rename="camel", frozen=True):
    """What every object says of itself. Times are RFC 3339 text, as sent."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: list[Owner] = []
    finalizers: list[str] = []


class Owner(msgspec.Struct, rename="camel", frozen=True):
    """One of `metadata.ownerReferences`."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
