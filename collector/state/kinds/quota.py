"""Resource quotas and limit ranges, and their families."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from collector.kube.change import Resource
from collector.state.kind import Row, annotated, created, kind, labelled, many, namespaced
from collector.state.objects import Object, Part, Quantities
from collector.state.quantity import amount


class QuotaStatus(Part, frozen=True, kw_only=True):
    """What is allowed and what is in use."""

    hard: Quantities | None = None
    used: Quantities | None = None


class Quota(Object, frozen=True, kw_only=True):
    """A resource quota."""

    status: QuotaStatus = QuotaStatus()


class Limit(Part, frozen=True, kw_only=True):
    """Bounds for pods, containers or claims. Constraints by the name that they have in the API."""

    type: str = ""
    min: Quantities | None = None
    max: Quantities | None = None
    default: Quantities | None = None
    default_request: Quantities | None = None
    max_limit_request_ratio: Quantities | None = None


class LimitsSpec(Part, frozen=True, kw_only=True):
    """The bounds."""

    limits: list[Limit] | None = None


class Limits(Object, frozen=True, kw_only=True):
    """A limit range."""

    spec: LimitsSpec = LimitsSpec()


def _quota(item: Quota) -> Iterator[Row]:
    for type_, found in (("hard", item.status.hard), ("used", item.status.used)):
        for resource, quantity in (found or {}).items():
            yield (resource, type_), amount(str(quantity))


def _limits(item: Limits) -> Iterator[Row]:
    for limit in item.spec.limits or ():
        constraints = (
            ("min", limit.min),
            ("max", limit.max),
            ("default", limit.default),
            ("defaultRequest", limit.default_request),
            ("maxLimitRequestRatio", limit.max_limit_request_ratio),
        )
        for constraint, found in constraints:
            for resource, quantity in (found or {}).items():
                yield (resource, limit.type, constraint), amount(str(quantity))


QUOTAS: Final = kind(
    Resource("v1", "resourcequotas", Quota),
    "resourcequota",
    ("namespace", "resourcequota"),
    namespaced,
    (
        created(),
        many("", "[STABLE] Information about resource quota.", ("resource", "type"), _quota),
        annotated(),
        labelled(),
    ),
)
LIMITS: Final = kind(
    Resource("v1", "limitranges", Limits),
    "limitrange",
    ("namespace", "limitrange"),
    namespaced,
    (
        many("", "[STABLE] Information about limit range.", ("resource", "type", "constraint"), _limits),
        created(),
    ),
)
