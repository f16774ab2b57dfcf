"""Which objects a monitor means: by namespace and by label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from collector.discovery.group import Group
from collector.discovery.kubernetes.labels import META, NAMESPACE, sanitized
from collector.discovery.section import Section


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on a label. operator: In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str], prefix: str) -> bool:
        """Whether labels under a prefix meet it; a label that is missing is in no list."""
        value = labels.get(prefix + sanitized(self.key))
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case _:
                return value is None


@dataclass(frozen=True, slots=True)
class Selector:
    """kind: `service`, `pod` or `ingress`, whose labels are looked at. namespaces: None means all."""

    kind: str
    namespaces: frozenset[str] | None
    requirements: tuple[Requirement, ...]

    def __call__(self, group: Group) -> Group | None:
        """The group, None where it is not meant."""
        if self.namespaces is not None and group.labels.get(NAMESPACE) not in self.namespaces:
            return None
        prefix = f"{META}{self.kind}_label_"
        if f"{META}{self.kind}_name" not in group.labels:
            return None
        return group if all(one.holds(group.labels, prefix) for one in self.requirements) else None


def selector_of(spec: Section, own_namespace: str, kind: str) -> Selector:
    """From `selector` and `namespaceSelector`. Raises ConfigError."""
    return Selector(kind, _namespaces(spec.section("namespaceSelector"), own_namespace), _requirements(spec))


def _requirements(spec: Section) -> tuple[Requirement, ...]:
    selector = spec.section("selector")
    if selector is None:
        return ()
    equal = [
        Requirement(key, "In", frozenset({value})) for key, value in selector.mapping("matchLabels").items()
    ]
    return (*equal, *(_requirement(part) for part in selector.sections("matchExpressions")))


def _requirement(section: Section) -> Requirement:
    operator = section.text("operator")
    if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        raise section.error(
            "operator", f"{operator!r} is unknown, expected In, NotIn, Exists or DoesNotExist"
        )
    return Requirement(section.text("key"), operator, frozenset(section.texts("values")))


def _namespaces(section: Section | None, own: str) -> frozenset[str] | None:
    if section is None:
        return frozenset({own})
    if section.boolean("any"):
        return None
    return frozenset(section.texts("matchNames") or (own,))
