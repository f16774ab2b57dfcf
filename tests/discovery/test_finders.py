"""Targets follow their files and their HTTP service."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from collector.discovery.files import FileFinder
from collector.discovery.http import HttpFinder
from collector.discovery.job import Access, Files, Http, Job
from collector.discovery.pool import Pool
from collector.target import Credentials


def urls(pool: Pool) -> list[str]:
    return [target.url for target in pool.targets]


def write(path: Path, text: str) -> None:
    """As a mounted ConfigMap changes: a new file takes the old one's name."""
    other = path.with_name("tmp")
    other.write_text(text)
    other.replace(path)


def test_files_are_read_again_when_they_change(tmp_path: Path) -> None:
    pool = Pool(Job("j"))
    finder = FileFinder(pool, "", Files((tmp_path / "*.yml", tmp_path / "one.json")))
    finder.refresh()
    assert urls(pool) == []

    write(tmp_path / "a.yml", "- targets: [a:1]\n  labels: {x: y}")
    write(tmp_path / "one.json", '[{"targets": ["b:1"]}]')
    finder.refresh()
    assert urls(pool) == ["http://a:1/metrics", "http://b:1/metrics"]
    assert pool.targets[0].labels == {"job": "j", "instance": "a:1", "x": "y"}
    assert pool.targets[0].found["__meta_filepath"] == str(tmp_path / "a.yml")

    version = pool.version
    finder.refresh()
    assert pool.version == version

    write(tmp_path / "a.yml", "- targets: [a:2]\n- targets: [a:3]")
    (tmp_path / "one.json").unlink()
    finder.refresh()
    assert urls(pool) == ["http://a:2/metrics", "http://a:3/metrics"]


@pytest.mark.parametrize("text", ["- targets: a", "a: b", "- [", "- targets: [a:1]\n  label: {}", "\x00"])
def test_a_file_that_becomes_wrong_keeps_its_last_targets_and_says_why(tmp_path: Path, text: str) -> None:
    pool = Pool(Job("j"))
    finder = FileFinder(pool, "", Files((tmp_path / "a.yml",)))
    write(tmp_path / "a.yml", "- targets: [a:1]")
    finder.refresh()

    write(tmp_path / "a.yml", text)
    finder.refresh()

    assert urls(pool) == ["http://a:1/metrics"]
    assert str(tmp_path / "a.yml") in finder.problems[str(tmp_path / "a.yml")]

    write(tmp_path / "a.yml", "[]")
    finder.refresh()
    assert (urls(pool), finder.problems) == ([], {})


def test_a_file_is_looked_at_again_and_again(tmp_path: Path) -> None:
    pool = Pool(Job("j"))
    finder = FileFinder(pool, "", Files((tmp_path / "a.yml",)))
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        write(tmp_path / "a.yml", f"- targets: [a:{len(pauses)}]")
        os.utime(tmp_path / "a.yml", ns=(0, len(pauses)))
        if len(pauses) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(finder.run(pause))
    assert urls(pool) == ["http://a:2/metrics"]
    assert pauses == [5.0] * 3


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def asked(
    answers: list[Any], source: Callable[[str], Http]
) -> tuple[list[list[str]], list[str], list[Any]]:
    """Asks once an answer; gives the targets and the problem after each, and the requests' headers."""
    headers: list[Any] = []
    pool, seen, problems = Pool(Job("j")), [], []

    async def handle(request: web.Request) -> web.Response:
        headers.append(dict(request.headers))
        status, body, kind = answers[len(headers) - 1]
        return web.Response(status=status, text=body, content_type=kind)

    app = web.Application()
    app.router.add_get("/sd", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/sd"
    try:
        async with aiohttp.ClientSession() as session:
            finder = HttpFinder(pool, "", source(url), session)
            for _ in answers:
                await finder.refresh()
                seen.append([target.url for target in pool.targets])
                problems.append(finder.problems.get(url, ""))
    finally:
        await runner.cleanup()
    return seen, problems, headers


def test_a_service_is_asked_and_its_last_answer_stays_while_it_fails() -> None:
    good = json.dumps([{"targets": ["a:1"], "labels": {"x": "y"}}, {"targets": ["b:1"]}])
    kind = "application/json"
    answers = [
        (200, good, kind),
        (500, "down", kind),
        (200, "[{]", kind),
        (200, good, "text/html"),
        (200, '[{"targets": "a"}]', kind),
        (200, '[{"targets": ["c:1"]}]', kind),
        (200, "[]", kind),
    ]
    both = ["http://a:1/metrics", "http://b:1/metrics"]

    access = Access(Credentials(username="u", password="p"))
    seen, problems, headers = asyncio.run(asked(answers, lambda url: Http(url, 90_000, access)))

    assert seen == [both] * 5 + [["http://c:1/metrics"], []]
    assert [bool(problem) for problem in problems] == [False, True, True, True, True, False, False]
    assert "answered 500" in problems[1]
    assert "answered text/html" in problems[3]
    assert headers[0]["Authorization"] == "Basic dTpw"
    assert headers[0]["X-Prometheus-Refresh-Interval-Seconds"] == "90"


def test_a_service_that_does_not_answer_is_a_problem() -> None:
    async def ask() -> dict[str, str]:
        async with aiohttp.ClientSession() as session:
            finder = HttpFinder(Pool(Job("j")), "", Http("http://127.0.0.1:1/"), session)
            await finder.refresh()
            return finder.problems

    assert "http://127.0.0.1:1/" in asyncio.run(ask())
