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
    bonding,
    conntrack,
    entropy,
    filefd,
    loadavg,
    mdadm,
    meminfo,
    pressure,
    schedstat,
    softnet,
    stat,
    timex,
    uname,
    vmstat,
)
from collector.node.clock import Clock
from collector.node.cpu import Cpu
from collector.node.diskstats import DiskStats
from collector.node.filesystem import FileSystem
from collector.node.netclass import NetClass
from collector.node.netdev import NetDev
from collector.node.netstat import NetStat
from collector.node.release import Release
from collector.node.roots import Roots
from collector.node.sockstat import SockStat

Source: TypeAlias = Callable[[Roots], list[Reading]]
"""Reads one noun. Raises OSError or ValueError when the machine does not tell it, or not so."""


def node_sources(device_exclude: str = "", now: Callable[[], float] = time.time) -> Mapping[str, Source]:
    """Fresh collectors by name. `device_exclude` is a regular expression of network devices, '' for none."""
    devices = re.compile(device_exclude) if device_exclude else None
    return {
        "arp": arp.read,
        "bonding": bonding.read,
        "conntrack": conntrack.read,
        "cpu": Cpu(os.sysconf("SC_CLK_TCK")),
        "diskstats": DiskStats(),
        "entropy": entropy.read,
        "filefd": filefd.read,
        "filesystem": FileSystem(),
        "loadavg": loadavg.read,
        "mdadm": mdadm.read,
        "meminfo": meminfo.read,
        "netclass": NetClass(devices),
        "netdev": NetDev(devices),
        "netstat": NetStat(),
        "os": Release(),
        "pressure": pressure.read,
        "schedstat": schedstat.read,
        "sockstat": SockStat(os.sysconf("SC_PAGE_SIZE")),
        "softnet": softnet.read,
        "stat": stat.read,
        "time": Clock(now),
        "timex": timex.read,
        "uname": uname.read,
        "vmstat": vmstat.read,
    }
