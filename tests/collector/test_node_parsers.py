"""Parsers, where the captured machine does not show the case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.families import Reading
from collector.node import arp, conntrack, cpu, diskstats, netclass, netdev, pressure, softnet, timex
from collector.node.netstat import NetStat
from collector.node.reader import NodeReader
from collector.node.release import Release
from collector.node.release import parse as parse_release
from collector.node.roots import Roots
from tests.collector.samples import of_readings

Flat = dict[str, float]


def flat(readings: list[Reading]) -> Flat:
    """Values by a text such as 'name device=eth0'."""
    return {
        " ".join([name, *(f"{key}={value}" for key, value in labels)]): value
        for (name, labels), value in of_readings(readings).items()
    }


NET_DEV = """Inter-|   Receive |  Transmit
 face |bytes packets (the columns have fixed places)
  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
vlan:1:9 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""
CLOCK = dict.fromkeys(timex.FIELDS, 0)

CASES: list[tuple[str, Callable[[], list[Reading]], Flat]] = [
    (
        "pressure of an old kernel has no full line of cpu",
        lambda: pressure.parse("cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n"),
        {"node_pressure_cpu_waiting_seconds_total": 1.5},
    ),
    (
        "the full line of cpu is left out",
        lambda: pressure.parse("cpu", "some avg10=0 total=1\nfull avg10=0 total=2\n"),
        {"node_pressure_cpu_waiting_seconds_total": 1e-6},
    ),
    (
        "softnet of an old kernel numbers its lines",
        lambda: softnet.parse("0000000a 00000001 00000002 0 0 0 0 0 00000003\n0000000b 0 0 0 0 0 0 0 0\n")[
            :4
        ],
        {
            "node_softnet_processed_total cpu=0": 10,
            "node_softnet_processed_total cpu=1": 11,
            "node_softnet_dropped_total cpu=0": 1,
            "node_softnet_dropped_total cpu=1": 0,
            "node_softnet_times_squeezed_total cpu=0": 2,
            "node_softnet_times_squeezed_total cpu=1": 0,
            "node_softnet_cpu_collision_total cpu=0": 3,
            "node_softnet_cpu_collision_total cpu=1": 0,
        },
    ),
    (
        "softnet of a new kernel names the processor",
        lambda: softnet.parse("1 0 0 0 0 0 0 0 0 0 0 00000005 00000007 0 0\n")[-1:],
        {"node_softnet_backlog_len cpu=7": 5},
    ),
    (
        "conntrack adds up the processors",
        lambda: conntrack.parse_statistics("entries found drop\n10 0a 1\n10 01 1\n"),
        {"node_nf_conntrack_stat_found": 11, "node_nf_conntrack_stat_drop": 2},
    ),
    ("an empty ARP table has no series", lambda: arp.parse("IP address  HW type  Flags\n"), {}),
    (
        "a speed that is not known is left out",
        lambda: netclass.readings({"a": {"speed": "-1"}, "b": {"speed": "1000"}, "c": {}})[-3:-2],
        {"node_network_speed_bytes device=b": 125e6},
    ),
    (
        "a device is up when its operstate says so",
        lambda: netclass.readings({"a": {"operstate": "up"}, "b": {"operstate": "unknown"}, "c": {}})[-2:-1],
        {"node_network_up device=a": 1, "node_network_up device=b": 0, "node_network_up device=c": 0},
    ),
    (
        "an undisciplined clock",
        lambda: timex.readings(5, {**CLOCK, "offset": -1500})[:2],
        {"node_timex_sync_status": 0, "node_timex_offset_seconds": -0.0015},
    ),
    (
        "a clock disciplined in nanoseconds",
        lambda: timex.readings(0, {**CLOCK, "offset": -1500, "status": 0x2001, "freq": 65536 * 20})[:3],
        {
            "node_timex_sync_status": 1,
            "node_timex_offset_seconds": -1.5e-6,
            "node_timex_frequency_adjustment_ratio": 1.00002,
        },
    ),
    (
        "snmp6 fields belong to the protocol up to the six",
        lambda: [*NetStat().parse_snmp6("Icmp6InMsgs 3\nUdpLite6InErrors 4\nIcmp6OutType133 5\n")],
        {"node_netstat_Icmp6_InMsgs": 3, "node_netstat_UdpLite6_InErrors": 4},
    ),
]


@pytest.mark.parametrize(("work", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_parser_reads(work: Callable[[], list[Reading]], expected: Flat) -> None:
    assert flat(work()) == expected


def test_devices_of_the_network_may_have_a_colon_in_their_name() -> None:
    devices = netdev.parse(NET_DEV)

    assert devices["eth0"] == [float(number) for number in range(1, 17)]
    assert devices["vlan:1"][0] == 9


def test_disks_of_old_kernels_have_fewer_columns() -> None:
    devices = {
        name: row for (_, _, name), row in diskstats.parse("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n").items()
    }

    assert len(diskstats.readings(devices)) == len(diskstats.COLUMNS)
    assert len(flat(diskstats.readings(devices))) == 11


LISTS = [("", []), ("0", ["0"]), ("0,3-5", ["0", "3", "4", "5"]), ("2-3,7", ["2", "3", "7"])]


@pytest.mark.parametrize(("text", "numbers"), LISTS)
def test_a_list_of_processors(text: str, numbers: list[str]) -> None:
    assert cpu.parse_list(text) == numbers


def ticks(idle: int, user: int = 0) -> dict[str, list[int]]:
    return {"0": [user, 0, 0, idle, 0, 0, 0, 0, 0, 0]}


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (ticks(1000, 5), ticks(1001, 6), ticks(1001, 6)),
        (ticks(1000, 5), ticks(998, 6), ticks(1000, 6)),
        (ticks(1000, 5), ticks(1, 0), ticks(1, 0)),
        ({}, ticks(1), ticks(1)),
        (ticks(1), {}, {}),
    ],
    ids=["forwards", "idle falls a little", "plugged in again", "new", "unplugged"],
)
def test_processor_time_never_falls_but_for_a_reset(
    before: dict[str, list[int]], now: dict[str, list[int]], kept: dict[str, list[int]]
) -> None:
    assert cpu.never_backwards(before, now) == kept


@given(st.lists(st.lists(st.integers(0, 1000), min_size=10, max_size=10), min_size=1, max_size=20))
def test_processor_time_is_monotonic_between_resets(passes: list[list[int]]) -> None:
    before: dict[str, list[int]] = {}
    for row in passes:
        kept = cpu.never_backwards(before, {"0": row})
        if before and kept["0"] != row:
            assert all(a <= b for a, b in zip(before["0"], kept["0"], strict=True))
        before = kept


def test_os_release_is_parsed_with_quotes_and_comments() -> None:
    text = "# a comment\nNAME=\"Debian GNU/Linux\"\nID=debian\nPRETTY_NAME='It'\\''s'\n\nVERSION_ID=\"12\"\n"

    assert parse_release(text) == {
        "NAME": "Debian GNU/Linux",
        "ID": "debian",
        "PRETTY_NAME": "It's",
        "VERSION_ID": "12",
    }


def test_os_release_is_read_again_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    release, roots = Release(), Roots(rootfs=str(tmp_path))
    (tmp_path / "etc/os-release").write_text("ID=a\nVERSION_ID=1\n")
    first = flat(release(roots))
    (tmp_path / "etc/os-release").write_text("ID=a\nVERSION_ID=2.5\n")

    assert first["node_os_version id=a"] == 1
    assert flat(release(roots))["node_os_version id=a"] == 2.5


def test_what_fails_in_one_collector_leaves_the_others_alone() -> None:
    def fails(_roots: Roots) -> list[Reading]:
        raise ValueError("strange file")

    def missing(roots: Roots) -> list[Reading]:
        return [Reading(diskstats.COLUMNS[0][0], [("x",)], [float(len(roots.proc_text("none")))])]

    def works(_roots: Roots) -> list[Reading]:
        return [diskstats.COLUMNS[0][0].by({"sda": 1})]

    reader = NodeReader({"a": fails, "b": missing, "c": works}, Roots(proc="/nowhere"))

    found = reader.read()

    values = flat(found.readings)
    assert found.up
    assert values["node_disk_reads_completed_total device=sda"] == 1
    success = "node_scrape_collector_success collector="
    assert [values[f"{success}{name}"] for name in "abc"] == [0, 0, 1]
    assert reader.failing == {"a": "ValueError: strange file", "b": "there is no /nowhere/none"}


def test_a_pass_in_which_all_fail_is_not_up() -> None:
    reader = NodeReader({"a": lambda roots: [Reading(*roots.proc_text("x"))]}, Roots(proc="/nowhere"))

    assert not reader.read().up
