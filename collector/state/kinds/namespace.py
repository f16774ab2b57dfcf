"""Namespaces and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import (
    Row,
    annotated,
    choice_rows,
    created,
    kind,
    labelled,
    many,
    named,
    status_rows,
)
from collector.state.objects import Condition, Object, Part


class NamespaceStatus(Part, frozen=True, kw_only=True):
    """What became of a namespace."""

    phase: str = ""
    conditions: list[Condition] | None = None


class Namespace(Object, frozen=True, kw_only=True):
    """A namespace."""

    status: NamespaceStatus = NamespaceStatus()


def _conditions(item: Namespace) -> Iterator[Row]:
    for found in item.status.conditions or ():
        yield from status_rows(found.status, found.type)


NAMESPACES: Final = kind(
    Resource("v1", "namespaces", Namespace),
    "namespace",
    ("namespace",),
    named,
    (
        created(),
        annotated(),
        labelled(),
        many(
            "status_phase",
            "[STABLE] kubernetes namespace status phase.",
            ("phase",),
            lambda item: choice_rows(item.status.phase, ("Active", "Terminating")),
        ),
        many("status_condition", "The condition of a namespace.", ("condition", "status"), _conditions),
    ),
)
