"""What of a machine is read, where node_exporter leaves a choice."""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.node.diskstats import EXCLUDE
from collector.node.filesystem import MOUNT_POINTS_EXCLUDE, TYPES_EXCLUDE
from storage.errors import ConfigError

_PATTERNS = (
    "device_exclude",
    "disk_exclude",
    "mount_point_exclude",
    "filesystem_type_exclude",
    "hwmon_chip",
    "cpu_flags",
    "cpu_bugs",
    "container_include",
)


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """The defaults are node_exporter's. Texts are regular expressions that are searched for.

    Raises ConfigError for a text that is none.

    collectors_off: names of collectors that are not run.
    textfile_dirs: directories, or patterns of them, whose *.prom files are read.
    device_exclude: network devices that are left out; '' leaves out none.
    disk_exclude, mount_point_exclude, filesystem_type_exclude: block devices and mounts that are left out.
    hwmon_chip: the chips that are read; '' for all.
    cpu_info: what the processors are. cpu_flags, cpu_bugs: which flags and bugs; '' for none.
    containers: the containers of a machine without Kubernetes. container_include: their control groups.
    bcache_priority_stats: how a cache's buckets are used, which is slow to find out.
    """

    collectors_off: frozenset[str] = frozenset()
    textfile_dirs: tuple[str, ...] = ()
    device_exclude: str = ""
    disk_exclude: str = EXCLUDE
    mount_point_exclude: str = MOUNT_POINTS_EXCLUDE
    filesystem_type_exclude: str = TYPES_EXCLUDE
    hwmon_chip: str = ""
    cpu_info: bool = False
    cpu_flags: str = ""
    cpu_bugs: str = ""
    containers: bool = False
    container_include: str = ""
    bcache_priority_stats: bool = False

    def __post_init__(self) -> None:
        for name in _PATTERNS:
            try:
                re.compile(getattr(self, name))
            except re.error as error:
                text = getattr(self, name)
                raise ConfigError(f"{name}: {text!r} is no regular expression: {error}") from None
