"""Readings beside node_exporter's, series by series, on its own fixture of a machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.families import Reading
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

# What node_exporter's own test of this fixture chooses.
CHOICE = NodeChoice(
    device_exclude=r"^(dmz|int)$",
    hwmon_chip=r"(applesmc|coretemp|hwmon4|nct6779|asus|mt7996)",
    cpu_info=True,
    cpu_flags=r"^(aes|avx.?|constant_tsc)$",
    cpu_bugs=r"^(cpu_meltdown|spectre_.*|mds)$",
    bcache_priority_stats=True,
)
TEXTFILES = "textfile/two_metric_files"

# Collectors that are off by default, by how the names of their metrics begin.
NOT_DEFAULT = (
    *("node_buddyinfo_", "node_cgroups_", "node_cpu_vulnerabilities_", "node_drbd_", "node_interrupts_"),
    *(
        "node_ksmd_",
        "node_lnstat_",
        "node_memory_numa_",
        "node_mountstats_",
        "node_pcidevice_",
        "node_qdisc_",
    ),
    *("node_processes_", "node_slabinfo_", "node_softirqs_", "node_sysctl_", "node_wifi_", "node_xfrm_"),
    *("node_zoneinfo_",),
)
# What node_exporter says of itself.
OF_ITSELF = ("go_", "process_", "promhttp_", "node_exporter_build_info", "node_scrape_collector_")

# What the fixture does not hold: both sides read the machine that they run on, or the expected output was
# made without it.
NOT_FROM_THE_FIXTURE = {
    r"^node_time_(seconds|zone_offset_seconds)": "the clock and zone of the machine",
    r"^node_(uname_info|timex_|selinux_|filesystem_)": "the expected output lacks these collectors",
    r"^node_network_(receive|transmit)_.*_total device=lo": "the machine's own loopback, over netlink",
    r"^node_arp_entries device=nope": "the expected output was made without this device",
    r"^node_textfile_mtime_seconds": "when the file was unpacked",
}


def in_fixture(series: Series) -> bool:
    name, labels = series
    if name.startswith((*NOT_DEFAULT, *OF_ITSELF)):
        return False
    text = name + "".join(f" {key}={value}" for key, value in labels)
    return not any(re.search(pattern, text) for pattern in NOT_FROM_THE_FIXTURE)


@pytest.fixture(scope="module")
def expected(captured: Path, captured_roots: Roots) -> str:
    """node_exporter's output; the paths in it are as if it had read the roots that we read."""
    text = (captured / "e2e-output.txt").read_text()
    text = text.replace("collector/fixtures/sys/", f"{captured_roots.sys}/")
    return text.replace("collector/fixtures/textfile/", f"{captured}/textfile/")


@pytest.fixture(scope="module")
def reader(captured: Path, captured_roots: Roots) -> NodeReader:
    choice = NodeChoice(
        **{
            **{name: getattr(CHOICE, name) for name in CHOICE.__slots__},
            "textfile_dirs": (str(captured / TEXTFILES),),
        }
    )
    return NodeReader(node_sources(choice), captured_roots)


@pytest.fixture(scope="module")
def readings(reader: NodeReader) -> list[Reading]:
    return reader.read().readings


def test_every_series_of_the_fixture_is_there_and_equals_node_exporters(
    expected: str, readings: list[Reading]
) -> None:
    theirs = {series: value for series, value in of_exposition(expected).items() if in_fixture(series)}
    ours = {series: value for series, value in of_readings(readings).items() if in_fixture(series)}

    assert ours == theirs
    assert len(ours) > 2000


def test_types_and_helps_are_node_exporters(expected: str, readings: list[Reading]) -> None:
    types, helps = types_of_exposition(expected), helps_of_exposition(expected)
    told = {each.family.metric: each.family for each in readings if each.family.metric in types}
    told.pop("node_exporter_build_info")

    wrong = {
        name: (family.type.value, types[name], family.help, helps[name])
        for name, family in told.items()
        if (family.type.value, family.help) != (types[name].replace("untyped", "unknown"), helps[name])
    }

    assert wrong == {}
    assert len(told) > 900


def test_every_collector_with_a_fixture_succeeds(reader: NodeReader, readings: list[Reading]) -> None:
    failed = [
        labels
        for (name, labels), value in of_readings(readings).items()
        if name == "node_scrape_collector_success" and not value
    ]

    assert failed == [(("collector", "netdev"),)]
    assert list(reader.failing) == ["netdev"]


def test_a_second_pass_equals_the_first(reader: NodeReader, readings: list[Reading]) -> None:
    first = {series: value for series, value in of_readings(readings).items() if in_fixture(series)}
    second = {
        series: value for series, value in of_readings(reader.read().readings).items() if in_fixture(series)
    }

    assert first == second
