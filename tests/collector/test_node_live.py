"""Readings of this machine between two scrapes of Debian's node_exporter."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from collector.node.choice import NodeChoice
from collector.node.reader import NodeReader
from collector.node.roots import Roots
from collector.node.sources import node_sources
from tests.collector.samples import (
    Series,
    helps_of_exposition,
    of_exposition,
    of_readings,
    types_of_exposition,
)
from tests.collector.waiting import free_port, until

PROGRAM = shutil.which("prometheus-node-exporter")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(PROGRAM is None, reason="Debian's prometheus-node-exporter is not installed"),
]

# Series on one side only, by reason. Debian's program is version 1.5.0; ours follows 1.12.
DIFFER = {
    r"^node_disk_.*device=zram": "since 1.6 zram is left out like other disks in memory",
    r"^node_disk_info": "since 1.6 it has the label rotational",
    r"^node_network_info": "since 1.6 it has the label adminstate",
    r"^node_network_(receive|transmit)_.*device=lo": "Debian leaves out the loopback",
    r"^node_network_speed_bytes": "1.5 gives -125000 where the speed is not known",
    r"^node_netstat_TcpExt_TCP(OFOQueue|RcvQDrop)": "since 1.6",
    r"^node_pressure_irq": "since 1.9",
    r"^node_softnet_(cpu_collision|received_rps|flow_limit|backlog)": "since 1.6",
    r"^node_cpu_isolated": "since 1.7",
    r"^node_filesystem_.* mountpoint=/(mnt|media|run)": "Debian leaves out these mount points",
    r"^node_kernel_hung": "since 1.10",
    r"^node_filesystem_mount_info": "since 1.9",
    r"^node_scrape_collector_.* collector=(bcachefs|dmmultipath|kernel_hung|watchdog)$": "newer than 1.5",
    r"^node_scrape_collector_.* collector=systemd$": "Debian turns it on; it is off by default",
    r"^node_(exporter_build_info|systemd_)": "each says what it is; systemd is off by default",
    r"^(go|process|promhttp)_": "what the program says of itself",
    r"^node_textfile_mtime|^(apt|smartmon|nvme|ipmi)_": "Debian has a directory of text files",
}
# What only an operator changes, so that it must be equal and not just between two scrapes.
STEADY = re.compile(
    r"^node_(boot_time|uname|os|timex_(status|tick|tai|sync)|entropy_pool|filefd_maximum|time_zone|time_clocksource|filesystem_(size_bytes|files|readonly)$"
    r"|memory_(MemTotal|SwapTotal|Hugepagesize|VmallocTotal)|network_(mtu|flags|iface|up|protocol|name|address))"
)


@pytest.fixture(scope="module")
def page() -> Iterator[Callable[[], str]]:
    with node_exporter() as url:
        yield lambda: httpx.get(f"{url}/metrics", trust_env=False).text


@pytest.fixture
def scrape(page: Callable[[], str]) -> Callable[[], dict[Series, float]]:
    return lambda: of_exposition(page())


@contextmanager
def node_exporter(*flags: str) -> Iterator[str]:
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [str(PROGRAM), f"--web.listen-address={address}", *flags],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(f"http://{address}/"))
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def read() -> dict[Series, float]:
    return of_readings(NodeReader(node_sources(), Roots()).read().readings)


def text_of(series: Series) -> str:
    name, labels = series
    return name + "".join(f" {key}={value}" for key, value in labels)


def same(series: Series) -> bool:
    """Whether both sides should have the series."""
    return not any(re.search(pattern, text_of(series)) for pattern in DIFFER)


def test_names_and_labels_are_node_exporters(scrape: Callable[[], dict[Series, float]]) -> None:
    ours = {series for series in read() if same(series)}

    theirs = {series for series in scrape() if same(series)}

    assert ours == theirs
    assert len(ours) > 250


def test_counters_lie_between_two_scrapes(scrape: Callable[[], dict[Series, float]]) -> None:
    before, ours, after = scrape(), read(), scrape()

    outside = {
        series: (before[series], value, after[series])
        for series, value in ours.items()
        if series[0].endswith("_total")
        and series in before.keys() & after.keys()
        and not before[series] <= value <= after[series]
    }

    assert outside == {}


def test_what_does_not_move_is_equal(scrape: Callable[[], dict[Series, float]]) -> None:
    theirs = scrape()
    steady = {
        series: value for series, value in read().items() if STEADY.match(series[0]) and series in theirs
    }

    assert steady == {series: theirs[series] for series in steady}
    assert len(steady) > 40


def test_types_and_helps_are_node_exporters(page: Callable[[], str]) -> None:
    types, helps = types_of_exposition(page()), helps_of_exposition(page())
    told = {each.family.metric: each.family for each in NodeReader(node_sources(), Roots()).read().readings}
    told.pop("node_exporter_build_info")

    wrong = {
        name: (family.type.value, types[name], family.help, helps[name])
        for name, family in told.items()
        if name in types
        and (family.type.value, family.help) != (types[name].replace("untyped", "unknown"), helps[name])
    }

    assert wrong == {}


def test_the_same_collectors_succeed(scrape: Callable[[], dict[Series, float]]) -> None:
    def successes(samples: dict[Series, float]) -> dict[Series, float]:
        return {
            series: value
            for series, value in samples.items()
            if series[0] == "node_scrape_collector_success" and same(series)
        }

    assert successes(read()) == successes(scrape())


# Series of the captured machine that 1.5 tells otherwise than 1.12, which the oracle holds us to.
SINCE_1_5 = {
    r"^node_hwmon_.* chip=(platform_asus_nb_wmi|ieee80211_phy0)( |$)": "since 1.12 a device may have several",
    r"^node_nvme_info": "since 1.11 it has the label cntlid",
    r"^node_nfs_requests_total method=(LayoutGet|GetDeviceInfo)": "1.5 confuses the two",
    r"^node_zfs_zpool_dataset_.* dataset=pool3/dataset ": "1.5 ends a name at its first blank",
    r"^node_network_(receive|transmit)_": "read over netlink, from the machine that this runs on",
    r"^node_(filesystem|textfile_mtime|time_seconds|uname|timex|selinux)": "of the machine that this runs on",
    r"^node_scrape_collector_": "newer versions read files that 1.5 does not understand",
}


def test_what_debians_version_tells_of_the_captured_machine_we_tell(
    captured: Path, captured_roots: Roots
) -> None:
    textfiles = str(captured / "textfile/two_metric_files")
    flags = (
        f"--path.procfs={captured_roots.proc}",
        f"--path.sysfs={captured_roots.sys}",
        f"--path.rootfs={captured_roots.rootfs}",
        f"--path.udev.data={captured_roots.udev}",
        f"--collector.textfile.directory={textfiles}",
    )
    with node_exporter(*flags) as url:
        page = httpx.get(f"{url}/metrics", trust_env=False).text
    choice = NodeChoice(textfile_dirs=(textfiles,))
    ours = of_readings(NodeReader(node_sources(choice), captured_roots).read().readings)

    theirs = {
        series: value
        for series, value in of_exposition(page).items()
        if same(series) and not any(re.search(pattern, text_of(series)) for pattern in SINCE_1_5)
    }

    assert {series: ours.get(series) for series in theirs} == theirs
    assert len(theirs) > 1400
