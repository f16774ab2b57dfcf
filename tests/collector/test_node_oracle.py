"""Readings beside node_exporter's, series by series: on its own fixture, and on this machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.node.reader import NodeReader
from collector.node.roots import Roots
from collector.node.sources import node_sources
from tests.collector.samples import Series, of_exposition, of_readings, types_of_exposition

# Families that differ on purpose. The expected output was made with some collectors off, and partly from the
# machine that it was made on.
NOT_FROM_THE_FIXTURE = {
    "node_time_seconds": "the clock of the machine that the test runs on",
    "node_time_zone_offset_seconds": "its zone",
    "node_uname_info": "its kernel",
    "node_scrape_collector_duration_seconds": "how long this run took",
    "node_scrape_collector_success": "the fixture has neither mounts of this machine nor net/dev",
}
COLLECTORS_WITHOUT_FIXTURE = {"filesystem", "netdev", "timex"}
# node_exporter's test leaves this device out of the ARP table.
NOT_EXPECTED = {("node_arp_entries", (("device", "nope"),))}
# node_exporter's test leaves these devices out.
FIXTURE_DEVICE_EXCLUDE = r"^(dmz|int)$"


@pytest.fixture(scope="module")
def expected(captured: Path) -> str:
    return (captured / "e2e-output.txt").read_text()


@pytest.fixture(scope="module")
def found(captured_roots: Roots) -> dict[Series, float]:
    sources = {
        name: source
        for name, source in node_sources(FIXTURE_DEVICE_EXCLUDE).items()
        if name not in COLLECTORS_WITHOUT_FIXTURE
    }
    return of_readings(NodeReader(sources, captured_roots).read().readings)


def test_every_series_from_the_fixture_equals_node_exporters(
    expected: str, found: dict[Series, float]
) -> None:
    oracle = of_exposition(expected)
    ours = {
        series: value
        for series, value in found.items()
        if series[0] not in NOT_FROM_THE_FIXTURE and series not in NOT_EXPECTED
    }
    families = {name for name, _ in ours}

    theirs = {series: value for series, value in oracle.items() if series[0] in families}

    assert ours == theirs
    assert len(ours) > 600


def test_every_collector_with_a_fixture_succeeds(found: dict[Series, float]) -> None:
    failed = [series for series, value in found.items() if series[0].endswith("_success") and value != 1]

    assert failed == []


def test_types_are_node_exporters(expected: str, captured_roots: Roots) -> None:
    types = types_of_exposition(expected)
    reading = NodeReader(node_sources(), captured_roots).read()
    ours = {each.family.name: each.family.type.value for each in reading.readings}

    differ = {
        name: (kind, types[name])
        for name, kind in ours.items()
        if name in types and kind != types[name].replace("untyped", "unknown")
    }

    assert differ == {}


def test_each_family_explains_itself_in_a_sentence(captured_roots: Roots) -> None:
    reading = NodeReader(node_sources(), captured_roots).read()

    wrong = [each.family for each in reading.readings if not re.match(r"^\S.*[.]$", each.family.help)]

    assert wrong == []
