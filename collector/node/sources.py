"""All collectors of a node, by node_exporter's names."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from collector.families import Reading
from collector.node import (
    arp,
    bcachefs,
    bonding,
    btrfs,
    conntrack,
    cpufreq,
    dmmultipath,
    edac,
    entropy,
    fibrechannel,
    filefd,
    infiniband,
    ipvs,
    kernel_hung,
    loadavg,
    mdadm,
    meminfo,
    nfs,
    nfsd,
    nvme,
    powersupplyclass,
    pressure,
    rapl,
    schedstat,
    selinux,
    softnet,
    stat,
    tapestats,
    thermal_zone,
    timex,
    udp_queues,
    uname,
    vmstat,
    watchdog,
    xfs,
    zfs,
)
from collector.node.bcache import Bcache
from collector.node.choice import NodeChoice
from collector.node.clock import Clock
from collector.node.containers.source import Containers
from collector.node.cpu import Cpu
from collector.node.cpuinfo import CpuInfo
from collector.node.diskstats import DiskStats
from collector.node.dmi import Dmi
from collector.node.filesystem import FileSystem
from collector.node.hwmon import HwMon
from collector.node.netclass import NetClass
from collector.node.netdev import NetDev
from collector.node.netstat import NetStat
from collector.node.release import Release
from collector.node.roots import Roots
from collector.node.sockstat import SockStat
from collector.node.textfile import TextFiles
from storage.errors import ConfigError

Source: TypeAlias = Callable[[Roots], list[Reading]]
"""Reads one noun. Raises OSError or ValueError when the machine does not tell it, or not so."""


def node_sources(
    choice: NodeChoice | None = None, now: Callable[[], float] = time.time
) -> Mapping[str, Source]:
    """Fresh collectors by name, as `choice` has them; node_exporter's defaults without it.

    Raises ConfigError where a collector is turned off that does not exist.
    """
    choice = choice or NodeChoice()
    found: dict[str, Source] = {}
    if choice.containers:
        found["containers"] = Containers(re.compile(choice.container_include), now)
    found |= {**_plain(), **_chosen(choice), "time": Clock(now), "textfile": TextFiles(choice.textfile_dirs)}
    strangers = choice.collectors_off - found.keys()
    if strangers:
        raise ConfigError(f"collectors_off: {min(strangers)!r} is none of {', '.join(sorted(found))}")
    return {name: source for name, source in found.items() if name not in choice.collectors_off}


def _plain() -> dict[str, Source]:
    """Collectors that have nothing to choose."""
    return {
        "arp": arp.read,
        "bcachefs": bcachefs.read,
        "bonding": bonding.read,
        "btrfs": btrfs.read,
        "conntrack": conntrack.read,
        "cpufreq": cpufreq.read,
        "dmi": Dmi(),
        "dmmultipath": dmmultipath.read,
        "edac": edac.read,
        "entropy": entropy.read,
        "fibrechannel": fibrechannel.read,
        "filefd": filefd.read,
        "infiniband": infiniband.read,
        "ipvs": ipvs.read,
        "kernel_hung": kernel_hung.read,
        "loadavg": loadavg.read,
        "mdadm": mdadm.read,
        "meminfo": meminfo.read,
        "netstat": NetStat(),
        "nfs": nfs.read,
        "nfsd": nfsd.read,
        "nvme": nvme.read,
        "os": Release(),
        "powersupplyclass": powersupplyclass.read,
        "pressure": pressure.read,
        "rapl": rapl.read,
        "schedstat": schedstat.read,
        "selinux": selinux.read,
        "sockstat": SockStat(os.sysconf("SC_PAGE_SIZE")),
        "softnet": softnet.read,
        "stat": stat.read,
        "tapestats": tapestats.read,
        "thermal_zone": thermal_zone.read,
        "timex": timex.read,
        "udp_queues": udp_queues.read,
        "uname": uname.read,
        "vmstat": vmstat.read,
        "watchdog": watchdog.read,
        "xfs": xfs.read,
        "zfs": zfs.read,
    }


def _chosen(choice: NodeChoice) -> dict[str, Source]:
    devices = _pattern(choice.device_exclude)
    info = CpuInfo(_pattern(choice.cpu_flags), _pattern(choice.cpu_bugs)) if choice.cpu_info else None
    return {
        "bcache": Bcache(choice.bcache_priority_stats),
        "cpu": Cpu(os.sysconf("SC_CLK_TCK"), info),
        "diskstats": DiskStats(re.compile(choice.disk_exclude)),
        "filesystem": FileSystem(
            re.compile(choice.mount_point_exclude), re.compile(choice.filesystem_type_exclude)
        ),
        "hwmon": HwMon(re.compile(choice.hwmon_chip)),
        "netclass": NetClass(devices),
        "netdev": NetDev(devices),
    }


def _pattern(text: str) -> re.Pattern[str] | None:
    return re.compile(text) if text else None
