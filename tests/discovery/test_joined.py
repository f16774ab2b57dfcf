"""Everything that a collector scrapes, together: each target once, and in one shard."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from collector.discovery.job import Scope
from collector.discovery.joined import DiscoverySettings, Joined, shard_of
from collector.discovery.kubelet import Kubelet
from collector.discovery.kubernetes.roles import KINDS
from storage.errors import ConfigError
from tests.discovery.clusters import decoded, written
from tests.discovery.feeding import Api

JOBS = """
global: {scrape_interval: 15s}
scrape_configs:
- job_name: many
  static_configs: [{targets: [%s]}]
- job_name: wrong
  static_configs: [{targets: [x/y]}]
- job_name: files
  file_sd_configs: [{files: [a.yml]}]
"""


def opened(settings: DiscoverySettings) -> Joined:
    async def open_one() -> Joined:
        async with aiohttp.ClientSession() as session:
            return Joined(settings, session, None)

    return asyncio.run(open_one())


@pytest.fixture
def scrape_file(tmp_path: Path) -> Path:
    path = tmp_path / "prometheus.yml"
    path.write_text(JOBS % ", ".join(f"host-{number}:1" for number in range(300)))
    return path


def test_shards_share_the_targets_out_without_loss(scrape_file: Path) -> None:
    kubelet = Kubelet("node-a", "192.168.0.1", pages=("/metrics",))
    parts = [
        opened(DiscoverySettings(scrape_file, kubelet, shard=shard, shards=3)).targets for shard in range(3)
    ]

    urls = [{target.url for target in part if target.job == "many"} for part in parts]
    assert sum(map(len, urls)) == len(set.union(*urls)) == 300
    assert all(len(part) > 70 for part in urls)
    assert all(any(target.job == "kubelet/metrics" for target in part) for part in parts)


def test_a_targets_shard_depends_on_its_address_alone() -> None:
    assert [shard_of("http://10.0.0.1:9100/metrics", shards) for shards in (1, 2, 3, 10)] == [0, 0, 1, 6]


def test_targets_are_the_same_object_until_something_changes(scrape_file: Path) -> None:
    joined = opened(DiscoverySettings(scrape_file))

    assert joined.targets is joined.targets


def test_problems_name_what_they_are_about(scrape_file: Path, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("x")

    async def run() -> dict[str, str]:
        async with aiohttp.ClientSession() as session:
            joined = Joined(DiscoverySettings(scrape_file), session, None)

            running = asyncio.current_task()
            assert running is not None

            async def pause(_: float) -> None:
                running.cancel()
                await asyncio.Event().wait()

            with suppress(asyncio.CancelledError):
                await joined.run(pause)
            return joined.problems

    problems = asyncio.run(run())
    assert problems["wrong"] == "x/y: __address__: 'x/y' is not host:port"
    assert "expected a list of targets and labels" in problems[str(tmp_path / "a.yml")]


def test_a_node_collector_watches_the_pods_of_its_node_alone() -> None:
    found: list[str] = []

    def then(joined: Joined) -> None:
        found.extend(target.url for target in joined.targets)

    api = Api({KINDS[kind].plural: items for kind, items in decoded(written()).items()})
    settings = DiscoverySettings(annotated_pods=True, node="node-a")
    asyncio.run(api.follow(settings, then))

    assert [(one.plural, one.field_selector) for one in api.asked] == [("pods", "spec.nodeName=node-a")]
    assert found == ["http://10.1.0.5:9090/stats?x=1"]


def test_a_cluster_collector_watches_a_resource_once_for_all_its_jobs() -> None:
    api = Api({KINDS[kind].plural: items for kind, items in decoded(written()).items()})
    settings = DiscoverySettings(annotated_services=True, control_plane=("apiserver", "coredns"))
    asyncio.run(api.follow(settings, lambda _: None))

    assert sorted(one.plural for one in api.asked) == ["endpointslices", "pods", "services"]
    assert settings.scope == Scope()


def test_lists_that_do_not_come_are_a_problem() -> None:
    async def run() -> list[dict[str, str]]:
        async with aiohttp.ClientSession() as session:
            now = [0.0]
            joined = Joined(
                DiscoverySettings(annotated_services=True), session, Api({}).watch, lambda: now[0]
            )
            found = [joined.problems]
            now[0] = 31.0
            return [*found, joined.problems]

    assert asyncio.run(run()) == [
        {},
        {"kubernetes": "no targets before the lists of endpointslices, pods, services have come"},
    ]


def test_what_went_while_nobody_watched_is_gone() -> None:
    api = Api({KINDS[kind].plural: items for kind, items in decoded(written()).items()})
    left: list[int] = []

    async def run() -> None:
        async with aiohttp.ClientSession() as session:
            joined = Joined(DiscoverySettings(annotated_pods=True), session, api.watch)
            for _ in range(2):
                task = asyncio.create_task(joined.run())
                for _ in range(50):
                    await asyncio.sleep(0)
                left.append(len(joined.targets))
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                api.objects, api.late = {}, ()

    api.late = [pod for pod in api.objects["pods"] if pod.metadata.name.startswith("web-")]
    asyncio.run(run())
    assert left == [1, 0]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"role": "pod"}, "role: 'pod' is unknown"),
        ({"shard": 2, "shards": 2}, "shard: 2 is not from 0 to shards - 1, 1"),
        ({"timeout_ms": 40_000}, "timeout_ms: 40000 is not from 1 to interval_ms"),
    ],
)
def test_settings_that_are_wrong_are_refused(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DiscoverySettings(**settings)  # type: ignore[arg-type]

    assert reason in str(caught.value)


def test_kubernetes_is_refused_where_there_is_no_cluster() -> None:
    with pytest.raises(ConfigError, match="there is no cluster to ask"):
        opened(DiscoverySettings(monitors=True))
