"""A kind of object and its families: a row each, a pure function from an object to samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from collector.families import Family, MetricType
from collector.kube.change import Metadata, Owner, Resource
from collector.state.moment import moment

Row: TypeAlias = tuple[tuple[str, ...], float]
"""Values of a family's own labels and the sample's value. An empty value is an absent label."""


class Described(Protocol):
    """Any object of the API."""

    @property
    def metadata(self) -> Metadata:
        """What it says of itself."""


T = TypeVar("T", bound=Described)
S_contra = TypeVar("S_contra", bound=Described, contravariant=True)


@dataclass(frozen=True, slots=True)
class Mapped(Generic[S_contra]):
    """Labels whose names are in the object. allowed_by: the allow-list of their keys, '' for all."""

    prefix: str
    pairs: Callable[[S_contra], Mapping[str, str] | None]
    allowed_by: str = ""


@dataclass(frozen=True, slots=True)
class Spec(Generic[S_contra]):
    """One family. family.label_names: its own; in a `Kind`, after those of the object's identity."""

    family: Family
    rows: Callable[[S_contra], Iterable[Row]]
    mapped: Mapped[S_contra] | None = None
    is_opt_in: bool = False


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A resource, the labels that tell its objects apart, and its families.

    identity: values of `identity_names`, which come first in every family's label names.
    """

    resource: Resource[T]
    identity_names: tuple[str, ...]
    identity: Callable[[T], tuple[str, ...]]
    specs: tuple[Spec[T], ...]
    is_default: bool = True


def kind(
    resource: Resource[T],
    prefix: str,
    identity_names: tuple[str, ...],
    identity: Callable[[T], tuple[str, ...]],
    specs: Sequence[Spec[T]],
    is_default: bool = True,
) -> Kind[T]:
    """A kind whose families' names begin with `kube_` and `prefix`."""
    whole = tuple(
        replace(
            spec,
            family=replace(
                spec.family,
                name=f"kube_{prefix}_{spec.family.name}".removesuffix("_"),
                label_names=identity_names + spec.family.label_names,
            ),
        )
        for spec in specs
    )
    return Kind(resource, identity_names, identity, whole, is_default)


def namespaced(item: Described) -> tuple[str, str]:
    """Namespace and name."""
    return (item.metadata.namespace, item.metadata.name)


def named(item: Described) -> tuple[str]:
    """The name, of an object without namespace."""
    return (item.metadata.name,)


_ONCE: Final[tuple[Row, ...]] = (((), 1.0),)


def many(
    name: str,
    help_text: str,
    names: tuple[str, ...],
    rows: Callable[[T], Iterable[Row]],
    is_opt_in: bool = False,
) -> Spec[T]:
    """Any number of samples."""
    return Spec(Family(name, MetricType.GAUGE, help_text, names), rows, None, is_opt_in)


def one(name: str, help_text: str, value: Callable[[T], float | None]) -> Spec[T]:
    """One sample, or none."""

    def rows(item: T) -> Iterable[Row]:
        found = value(item)
        return () if found is None else (((), float(found)),)

    return many(name, help_text, (), rows)


def info(
    name: str, help_text: str, names: tuple[str, ...], values: Callable[[T], tuple[str, ...] | None]
) -> Spec[T]:
    """A sample of 1 whose labels speak, or none."""

    def rows(item: T) -> Iterable[Row]:
        found = values(item)
        return () if found is None else ((found, 1.0),)

    return many(name, help_text, names, rows)


def mapped(
    name: str,
    help_text: str,
    prefix: str,
    pairs: Callable[[T], Mapping[str, str] | None],
    allowed_by: str = "",
    is_opt_in: bool = False,
) -> Spec[T]:
    """A sample of 1 whose labels are named in the object."""
    family = Family(name, MetricType.GAUGE, help_text)
    return Spec(family, _once, Mapped(prefix, pairs, allowed_by), is_opt_in)


def _once(_: object) -> Iterable[Row]:
    return _ONCE


def labelled(is_stable: bool = True) -> Spec[Described]:
    """The labels that are allowed."""
    text = "Kubernetes labels converted to Prometheus labels."
    return mapped(
        "labels",
        f"[STABLE] {text}" if is_stable else text,
        "label",
        lambda item: item.metadata.labels,
        "labels",
    )


def annotated(is_stable: bool = False) -> Spec[Described]:
    """The annotations that are allowed."""
    text = "Kubernetes annotations converted to Prometheus labels."
    return mapped(
        "annotations",
        f"[STABLE] {text}" if is_stable else text,
        "annotation",
        lambda item: item.metadata.annotations,
        "annotations",
    )


def created(help_text: str = "[STABLE] Unix creation timestamp") -> Spec[Described]:
    """When the object was made."""
    return one("created", help_text, lambda item: moment(item.metadata.creation_timestamp))


def deletion(help_text: str = "Unix deletion timestamp") -> Spec[Described]:
    """When the object was asked to go."""
    return one("deletion_timestamp", help_text, lambda item: moment(item.metadata.deletion_timestamp))


def generation(help_text: str) -> Spec[Described]:
    """The generation of what is asked for."""
    return one("metadata_generation", help_text, lambda item: float(item.metadata.generation))


def version(help_text: str) -> Spec[Described]:
    """The resource version, where it is a number."""

    def value(item: Described) -> float | None:
        text = item.metadata.resource_version
        return float(text) if text.isascii() and text.isdigit() else None

    return one("metadata_resource_version", help_text, value)


def owners(help_text: str) -> Spec[Described]:
    """A sample for each owner, and one with empty labels where there is none."""
    return many("owner", help_text, ("owner_kind", "owner_name", "owner_is_controller"), _owner_rows)


def _owner_rows(item: Described) -> Iterable[Row]:
    found = item.metadata.owner_references
    if not found:
        return ((("", "", ""), 1.0),)
    return [((owner.kind, owner.name, truth(owner.controller)), 1.0) for owner in found]


def controller(item: Described) -> Owner:
    """The owner that controls the object, an empty one where there is none."""
    return next((owner for owner in item.metadata.owner_references if owner.controller), Owner())


def truth(is_so: bool | None) -> str:
    """A boolean as a label's value, '' where it is not set."""
    return "" if is_so is None else "true" if is_so else "false"


def status_rows(status: str, *before: str) -> list[Row]:
    """A row each for true, false and unknown, with 1 where it is what the condition says."""
    return [((*before, word.lower()), float(status == word)) for word in ("True", "False", "Unknown")]


def choice_rows(chosen: str, of: Iterable[str]) -> list[Row]:
    """A row for each of the values, with 1 at the chosen one; none where nothing is chosen."""
    return [((word,), float(word == chosen)) for word in of] if chosen else []
