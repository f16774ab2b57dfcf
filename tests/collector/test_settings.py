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
from collector.settings import CollectorSettings, Destination, NodeSettings, Pushing, StateSettings
from storage.errors import ConfigError

WRONG: list[tuple[type[Any], dict[str, Any], str]] = [
    (Destination, {"url": "127.0.0.1:9470"}, r"url: '127\.0\.0\.1:9470' is not an http"),
    (Destination, {"url": "ftp://h/"}, "url: 'ftp://h/' is not an http"),
    (Destination, {"url": "http://me:secret@h/"}, "url: it holds a user or a password"),
    (Destination, {"token": "a", "token_file": Path("b")}, "token and token_file are both set"),
    (Destination, {"name": "../a"}, "name: '../a' is not of lower-case letters"),
    (Destination, {"version": 3}, "version: 3 is neither 1 nor 2"),
    (Pushing, {"spool_bytes": 0}, "spool_bytes: 0 is not above 0"),
    (Pushing, {"destinations": (Destination(), Destination())}, "two of them have the name 'swell'"),
    (NodeSettings, {"interval_s": 0}, "interval_s: 0 is not above 0"),
    (StateSettings, {"shard": 2, "shards": 2}, "shard: 2 is not from 0 to shards - 1, 1"),
    (CollectorSettings, {"labels": {"a-b": "c"}}, "labels: 'a-b' is not a label name"),
]


@pytest.mark.parametrize(("kind", "given", "message"), WRONG)
def test_a_wrong_setting_is_refused_by_name(kind: type[Any], given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        kind(**given)


URLS = [
    ("http://h:1", "http://h:1/api/v1/write"),
    ("http://h:1/", "http://h:1/api/v1/write"),
    ("https://h/prefix/write", "https://h/prefix/write"),
]


@pytest.mark.parametrize(("url", "write_url"), URLS)
def test_a_base_address_gets_the_path_of_remote_write(url: str, write_url: str) -> None:
    assert Destination(url).write_url == write_url


def test_labels_have_no_empty_values_and_the_machine_names_itself() -> None:
    settings = CollectorSettings(instance="n1", labels={"job": "other", "zone": "z"})

    assert settings.external == {"job": "other", "zone": "z"}
    assert settings.node_labels == {"job": "node", "instance": "n1", "zone": "z"}
    assert settings.collector_labels == {"job": "swell-collector", "instance": "n1", "zone": "z"}


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
