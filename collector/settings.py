"""Everything that the node collector can be told."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from collector.node.roots import Roots
from storage.errors import ConfigError

WRITE_PATH = "/api/v1/write"
_MIB = 1 << 20
_LABEL_NAME = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """Settings of one node collector. Raises ConfigError, naming the key.

    url: base address of the service, or the whole address of a remote write receiver.
    token: bearer token; token_file: a file that holds it, read again when it changes. At most one of both.
    interval_s: seconds between two passes. timeout_s: the longest wait for an answer.
    proc_root, sys_root, rootfs: where the host's procfs, sysfs and root file system are mounted.
    net_root: the directory of the network namespace to read, `<proc_root>/net` by default.
    udev_root: the directory of udev's device database.
    spool_dir: where bodies wait while the service is away, one process each. spool_max_bytes: its bound.
    labels: further labels of every series; a label that a metric has itself keeps its value.
    device_exclude: network devices that are left out, a regular expression; '' leaves out none.
    """

    url: str = "http://127.0.0.1:9470"
    token: str | None = None
    token_file: Path | None = None
    interval_s: float = 15.0
    timeout_s: float = 10.0
    proc_root: Path = Path("/proc")
    sys_root: Path = Path("/sys")
    rootfs: Path = Path("/")
    net_root: Path | None = None
    udev_root: Path = Path("/run/udev/data")
    spool_dir: Path = Path("data/spool/node")
    spool_max_bytes: int = 256 * _MIB
    job: str = "node"
    instance: str = field(default_factory=socket.gethostname)
    cluster: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    device_exclude: str = ""

    def __post_init__(self) -> None:
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).netloc:
            raise ConfigError(f"url: {self.url!r} is not an http:// or https:// address")
        if self.token is not None and self.token_file is not None:
            raise ConfigError("token and token_file are both set, expected one of them")
        if self.interval_s <= 0:
            raise ConfigError(f"interval_s: {self.interval_s} is not above 0")
        if self.spool_max_bytes <= 0:
            raise ConfigError(f"spool_max_bytes: {self.spool_max_bytes} is not above 0")
        for name in self.labels:
            if not _LABEL_NAME.match(name):
                raise ConfigError(f"labels: {name!r} is not a label name ({_LABEL_NAME.pattern})")
        try:
            re.compile(self.device_exclude)
        except re.error as error:
            raise ConfigError(
                f"device_exclude: {self.device_exclude!r} is no regular expression: {error}"
            ) from None

    @property
    def write_url(self) -> str:
        """Where bodies are posted."""
        parts = urlsplit(self.url)
        return self.url if parts.path.strip("/") else parts._replace(path=WRITE_PATH).geturl()

    @property
    def target(self) -> dict[str, str]:
        """The labels that every series carries."""
        known = {"job": self.job, "instance": self.instance, "cluster": self.cluster}
        return {name: value for name, value in {**self.labels, **known}.items() if value}

    @property
    def roots(self) -> Roots:
        """Where the kernel's files are."""
        proc, rootfs = str(self.proc_root), str(self.rootfs).rstrip("/")
        net = str(self.net_root) if self.net_root else f"{proc}/net"
        return Roots(proc, str(self.sys_root), rootfs, net, str(self.udev_root))
