"""What Prometheus calls a scrape job: where its endpoints are found, and how each becomes a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.discovery.group import Group
from collector.target import Bounds, Credentials, Target, Trust
from ingest.relabel.rules import Rule


@dataclass(frozen=True, slots=True)
class Access:
    """How a page is fetched beyond its address."""

    credentials: Credentials = field(default_factory=Credentials)
    trust: Trust = field(default_factory=Trust)
    follow_redirects: bool = True


@dataclass(frozen=True, slots=True)
class Static:
    """Groups that stand in the configuration."""

    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Files:
    """Groups in files; a pattern's last part may hold `*`. They are read again when they change."""

    patterns: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Http:
    """Groups that a service answers with, asked every refresh_ms."""

    url: str
    refresh_ms: int = 60_000
    access: Access = Access()


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a cluster is watched.

    namespaces: those to watch; none means all. selectors: (role, label selector, field selector) each, as
    the API takes them; a role without one is watched whole. with_nodes: a node's labels go to its pods.
    """

    namespaces: tuple[str, ...] = ()
    selectors: tuple[tuple[str, str, str], ...] = ()
    with_nodes: bool = False


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """Groups made of a cluster's objects. role: node, pod, service, endpoints, endpointslice or ingress."""

    role: str
    scope: Scope = Scope()


Source = Static | Files | Http | Kubernetes


def _as_found(group: Group) -> Group | None:
    return group


def _as_labelled(target: Target) -> Target:
    return target


@dataclass(frozen=True, slots=True)
class Job:
    """One job. Fields named as in `Target` go into each of its targets.

    target_limit: more targets than this after relabelling are an error, and none is scraped; 0 is no limit.
    rules: relabelling of targets. metric_rules: relabelling of their series.
    prepare: a group before its labels are made, None to leave it out. refine: a target when all is done.
    """

    name: str
    sources: tuple[Source, ...] = ()
    interval_ms: int = 60_000
    timeout_ms: int = 10_000
    path: str = "/metrics"
    scheme: str = "http"
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    honor_labels: bool = False
    honor_timestamps: bool = True
    track_timestamps_staleness: bool = False
    native_histograms: bool = False
    classic_too: bool = False
    bounds: Bounds = field(default_factory=Bounds)
    target_limit: int = 0
    access: Access = Access()
    rules: tuple[Rule, ...] = ()
    metric_rules: tuple[Rule, ...] = ()
    prepare: Callable[[Group], Group | None] = _as_found
    refine: Callable[[Target], Target] = _as_labelled
