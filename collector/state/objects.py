"""The parts that objects of many kinds have. Fields that the API leaves out have their zero values."""

from __future__ import annotations

import msgspec

from collector.kube.change import Metadata

Quantities = dict[str, str | int | float]
"""A resource's name to its quantity; JSON may have a bare number."""


class Part(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A part of an object."""


class Object(Part, frozen=True, kw_only=True):
    """An object, of which nothing but what it says of itself is needed."""

    metadata: Metadata = Metadata()


class Condition(Part, frozen=True, kw_only=True):
    """A condition in an object's status."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    last_transition_time: str | None = None


class Reference(Part, frozen=True, kw_only=True):
    """A name of another object, with what else is known of it."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
