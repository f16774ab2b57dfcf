"""An edit of the file of jobs takes effect, and a wrong one changes nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from collector.discovery.joined import DiscoverySettings
from collector.discovery.kubernetes.roles import KINDS
from collector.discovery.reloading import Reloading
from storage.errors import ConfigError
from tests.discovery.clusters import decoded, written
from tests.discovery.feeding import Api

STATIC = "scrape_configs: [{job_name: j, static_configs: [{targets: [%s]}]}]"
PODS = "scrape_configs: [{job_name: pods, kubernetes_sd_configs: [{role: pod}]}]"


def followed(path: Path, edits: list[str]) -> tuple[list[list[str]], list[str]]:
    """The targets and the problem after each edit. Time goes by as fast as it can."""
    seen: list[list[str]] = []
    problems: list[str] = []
    api = Api({KINDS[kind].plural: items for kind, items in decoded(written()).items()})

    async def follow() -> None:
        async with aiohttp.ClientSession() as session:
            discovery = Reloading(DiscoverySettings(path), session, api.watch)
            waiting = iter(edits)

            async def pause(seconds: float) -> None:
                for _ in range(20):
                    await asyncio.sleep(0)
                if seconds < 30:
                    return
                seen.append(sorted(target.labels["instance"] for target in discovery.targets))
                problems.append(discovery.problems.get(str(path), ""))
                edit = next(waiting, None)
                if edit is None:
                    raise asyncio.CancelledError
                path.write_text(edit)

            with suppress(asyncio.CancelledError):
                await discovery.run(pause)

    asyncio.run(follow())
    return seen, problems


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "prometheus.yml"
    found.write_text(STATIC % "a:1")
    return found


def test_an_edit_takes_effect(path: Path) -> None:
    seen, problems = followed(path, [STATIC % "a:1", STATIC % "b:1, c:1", "{}"])

    assert seen == [["a:1"], ["a:1"], ["b:1", "c:1"], []]
    assert problems == [""] * 4


def test_an_edit_that_is_wrong_keeps_the_former_targets_and_says_why(path: Path) -> None:
    seen, problems = followed(path, ["scrape_configs: 5", STATIC % "b:1"])

    assert seen == [["a:1"], ["a:1"], ["b:1"]]
    assert "scrape_configs: expected a list" in problems[1]
    assert problems[2] == ""


def test_new_targets_come_when_the_cluster_is_known(path: Path) -> None:
    seen, _ = followed(path, [PODS])

    assert len(seen[1]) == 7


def test_a_file_that_is_wrong_at_the_start_is_refused(path: Path) -> None:
    path.write_text("a: b")

    with pytest.raises(ConfigError, match="a: unknown key"):
        followed(path, [])
