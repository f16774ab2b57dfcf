"""Everything that a collector can be told, as values that have been checked."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from collector.discovery.joined import DiscoverySettings
from collector.node.choice import NodeChoice
from collector.node.roots import Roots
from collector.selection import Selection
from collector.state.choice import StateChoice
from collector.target import Target, Trust
from storage.errors import ConfigError

WRITE_PATH = "/api/v1/write"
_MIB = 1 << 20
_LABEL_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")


@dataclass(frozen=True, slots=True)
class Destination:
    """A remote write receiver. Raises ConfigError, naming the key.

    name: for own metrics, and of its spool's directory. url: base address of a Swell, or the whole address.
    token: bearer token; token_file: a file that holds it, read again when it changes. At most one of both.
    timeout_s: the longest wait for an answer. headers: further ones of every request. selection: the series
    that it gets. version: of remote write that it is asked for first, 2 or 1.
    """

    url: str = "http://127.0.0.1:9470"
    name: str = "swell"
    token: str | None = None
    token_file: Path | None = None
    timeout_s: float = 10.0
    trust: Trust = field(default_factory=Trust)
    headers: Mapping[str, str] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    version: int = 2

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ConfigError(f"url: {self.url!r} is not an http:// or https:// address")
        if parts.username or parts.password:
            raise ConfigError("url: it holds a user or a password, which belong in token_file")
        if self.token is not None and self.token_file is not None:
            raise ConfigError("token and token_file are both set, expected one of them")
        if not _NAME.match(self.name):
            raise ConfigError(f"name: {self.name!r} is not of lower-case letters, digits and - inside")
        if self.version not in (1, 2):
            raise ConfigError(f"version: {self.version} is neither 1 nor 2")

    @property
    def write_url(self) -> str:
        """Where bodies are posted."""
        parts = urlsplit(self.url)
        return self.url if parts.path.strip("/") else parts._replace(path=WRITE_PATH).geturl()


@dataclass(frozen=True, slots=True)
class Pushing:
    """How sweeps become requests, and what holds them. Raises ConfigError, naming the key.

    spool_dir: a directory below it for each destination, one process each. spool_bytes, memory_bytes:
    bounds of what waits on disk and in memory, for each destination. body_samples, body_bytes: of one
    request, before it is compressed.
    """

    destinations: tuple[Destination, ...] = (Destination(),)
    spool_dir: Path = Path("data/spool")
    spool_bytes: int = 256 * _MIB
    memory_bytes: int = 32 * _MIB
    body_samples: int = 10_000
    body_bytes: int = 4 * _MIB

    def __post_init__(self) -> None:
        for key in ("spool_bytes", "memory_bytes", "body_samples", "body_bytes"):
            if getattr(self, key) <= 0:
                raise ConfigError(f"{key}: {getattr(self, key)} is not above 0")
        names = [each.name for each in self.destinations]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"destinations: two of them have the name {name!r}")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What is read of a machine. Raises ConfigError, naming the key.

    interval_s: seconds between two passes. proc_root, sys_root, rootfs: where the host's procfs, sysfs and
    root file system are mounted. net_root: the directory of the network namespace to read,
    `<proc_root>/net` by default. udev_root: the directory of udev's device database. labels: further labels
    of its series alone; a label that a metric has itself keeps its value.
    """

    interval_s: float = 15.0
    proc_root: Path = Path("/proc")
    sys_root: Path = Path("/sys")
    rootfs: Path = Path("/")
    net_root: Path | None = None
    udev_root: Path = Path("/run/udev/data")
    job: str = "node"
    labels: Mapping[str, str] = field(default_factory=dict)
    choice: NodeChoice = field(default_factory=NodeChoice)

    def __post_init__(self) -> None:
        if self.interval_s <= 0:
            raise ConfigError(f"interval_s: {self.interval_s} is not above 0")

    @property
    def roots(self) -> Roots:
        """Where the kernel's files are."""
        proc, rootfs = str(self.proc_root), str(self.rootfs).rstrip("/")
        net = str(self.net_root) if self.net_root else f"{proc}/net"
        return Roots(proc, str(self.sys_root), rootfs, net, str(self.udev_root))


@dataclass(frozen=True, slots=True)
class StateSettings:
    """What a cluster collector tells of the cluster's objects.

    choice: of resources, families, labels. events: Kubernetes' Events as well. election: a Lease's name, ''
    for no election; one collector leads, the others wait. namespace: of the Lease. identity: of this process
    in it. shard of shards: which part of all objects.
    """

    interval_s: float = 30.0
    choice: StateChoice = field(default_factory=StateChoice)
    events: bool = True
    election: str = ""
    namespace: str = "default"
    identity: str = field(default_factory=socket.gethostname)
    lease_s: float = 15.0
    shard: int = 0
    shards: int = 1

    def __post_init__(self) -> None:
        if self.interval_s <= 0:
            raise ConfigError(f"interval_s: {self.interval_s} is not above 0")
        if not 0 <= self.shard < self.shards:
            raise ConfigError(f"shard: {self.shard} is not from 0 to shards - 1, {self.shards - 1}")


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """One collector process. Raises ConfigError, naming the key.

    instance: its name. labels: of every series that lacks them; `cluster` is one of them. node, state,
    scraping: what it collects, None for not. targets: scraped beside those that are found. listen: host:port
    of its own page, '' for none. api_url: of Kubernetes, '' for that of the cluster that it runs in.
    """

    instance: str = field(default_factory=socket.gethostname)
    cluster: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    pushing: Pushing = field(default_factory=Pushing)
    node: NodeSettings | None = field(default_factory=NodeSettings)
    state: StateSettings | None = None
    scraping: DiscoverySettings | None = None
    targets: tuple[Target, ...] = ()
    own_interval_s: float = 15.0
    own_labels: Mapping[str, str] = field(default_factory=dict)
    listen: str = ""
    api_url: str = ""

    def __post_init__(self) -> None:
        for name in self.labels:
            if not _LABEL_NAME.match(name):
                raise ConfigError(f"labels: {name!r} is not a label name ({_LABEL_NAME.pattern})")

    @property
    def external(self) -> dict[str, str]:
        """The labels of every series that lacks them."""
        return {name: value for name, value in {**self.labels, "cluster": self.cluster}.items() if value}

    @property
    def node_labels(self) -> dict[str, str]:
        """The labels of the machine's series."""
        own = {} if self.node is None else {**self.node.labels, "job": self.node.job}
        return {
            name: value
            for name, value in {**self.external, **own, "instance": self.instance}.items()
            if value
        }

    @property
    def state_labels(self) -> dict[str, str]:
        """The labels of the series of the cluster's objects: the same, whichever collector leads."""
        state = self.state or StateSettings()
        shard = f"-{state.shard}" if state.shards > 1 else ""
        return {**self.external, "job": "kube-state-metrics", "instance": f"swell-cluster{shard}"}

    @property
    def collector_labels(self) -> dict[str, str]:
        """The labels of the collector's own series."""
        own = {**self.own_labels, "job": "swell-collector", "instance": self.instance}
        return {name: value for name, value in {**self.external, **own}.items() if value}
