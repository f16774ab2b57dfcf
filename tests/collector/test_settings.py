"""Settings and the schedule that follows from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.node.choice import NodeChoice
from collector.node.sources import node_sources
from collector.schedule import Schedule
from collector.settings import NodeSettings
from storage.errors import ConfigError

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"url": "127.0.0.1:9470"}, r"url: '127\.0\.0\.1:9470' is not an http"),
    ({"url": "ftp://h/"}, "url: 'ftp://h/' is not an http"),
    ({"token": "a", "token_file": Path("b")}, "token and token_file are both set"),
    ({"interval_s": 0}, "interval_s: 0 is not above 0"),
    ({"spool_max_bytes": 0}, "spool_max_bytes: 0 is not above 0"),
    ({"labels": {"a-b": "c"}}, "labels: 'a-b' is not a label name"),
]


@pytest.mark.parametrize(("given", "message"), WRONG)
def test_a_wrong_setting_is_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        NodeSettings(**given)


@pytest.mark.parametrize("name", ["device_exclude", "mount_point_exclude", "container_include"])
def test_a_pattern_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: '\(' is no regular expression"):
        NodeChoice(**{name: "("})  # type: ignore[arg-type]  # the pattern of the case


def test_a_collector_that_is_off_does_not_run() -> None:
    every = node_sources().keys()

    assert every - node_sources(NodeChoice(collectors_off=frozenset({"hwmon", "btrfs"}))).keys() == {
        "btrfs",
        "hwmon",
    }


def test_an_unknown_collector_cannot_be_turned_off() -> None:
    with pytest.raises(ConfigError, match="collectors_off: 'wifi' is none of arp, bcache"):
        node_sources(NodeChoice(collectors_off=frozenset({"wifi"})))


URLS = [
    ("http://h:1", "http://h:1/api/v1/write"),
    ("http://h:1/", "http://h:1/api/v1/write"),
    ("https://h/prefix/write", "https://h/prefix/write"),
]


@pytest.mark.parametrize(("url", "write_url"), URLS)
def test_a_base_address_gets_the_path_of_remote_write(url: str, write_url: str) -> None:
    assert NodeSettings(url=url).write_url == write_url


def test_the_target_has_no_empty_labels_and_names_itself() -> None:
    settings = NodeSettings(instance="n1", labels={"job": "other", "zone": "z"})

    assert settings.target == {"job": "node", "instance": "n1", "zone": "z"}


def test_roots_of_a_host_seen_from_a_container() -> None:
    roots = NodeSettings(proc_root=Path("/host/proc"), rootfs=Path("/host/root/")).roots

    assert (roots.proc, roots.net, roots.rootfs) == ("/host/proc", "/host/proc/net", "/host/root")
    assert NodeSettings().roots.rootfs == ""


@given(st.integers(-(10**13), 10**13), st.integers(1, 10**6), st.text())
def test_the_next_tick_is_after_now_by_an_interval_at_most(now_ms: int, interval_ms: int, who: str) -> None:
    schedule = Schedule.of(interval_ms / 1000, who)
    tick = schedule.after(now_ms)

    assert now_ms < tick <= now_ms + interval_ms
    assert schedule.after(tick) == tick + interval_ms


def test_a_pass_on_time_bears_its_tick_and_a_late_one_its_own_time() -> None:
    schedule = Schedule(15_000, 0)

    assert schedule.stamp(30_000, 30_004) == 30_000
    assert schedule.stamp(30_000, 31_000) == 31_000
    assert schedule.stamp(30_000, 29_000) == 29_000  # the clock was set back


def test_ticks_that_went_by_are_counted() -> None:
    schedule = Schedule(15_000, 0)

    assert [schedule.missed(30_000, now) for now in (29_000, 30_000, 44_999, 45_000, 75_001)] == [
        0,
        0,
        0,
        1,
        3,
    ]


def test_every_collector_is_in_the_table_of_the_documents() -> None:
    document = (Path(__file__).resolve().parents[2] / "docs/collectors.md").read_text()
    cells = [line.split("|")[1] for line in document.splitlines() if line.startswith("| ")]
    named = {name.strip() for cell in cells for name in cell.split(",")}

    assert node_sources(NodeChoice(containers=True)).keys() <= named
