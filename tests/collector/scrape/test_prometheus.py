"""A real Prometheus scrapes the same pages: the same series, labels, values, reports and ends."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from collector.scrape.scrape import source_of
from collector.scrape.scraper import Scraper
from collector.sweep import Sweep
from collector.symbols import label_pairs
from collector.target import Bounds, Target
from ingest.relabel.document import parse_rules
from storage.model import is_stale
from tests.collector.scrape.exposed import COUNTER, HISTOGRAM, SUMMARY, delimited
from tests.collector.scrape.pages import CAPTURES, capture
from tests.collector.scrape.serving import OPENMETRICS, PROTOBUF, Pages, serving
from tests.collector.scrape.test_protobuf_pages import CLASSIC, EXEMPLAR, family
from tests.discovery.prometheus import programs, running
from tests.peers import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peers]

_PROGRAMS = programs()
_RULES = """
- {action: drop, source_labels: [a], regex: gone}
- {source_labels: [a, job], separator: '-', target_label: joined, replacement: 'x$1'}
- {action: labeldrop, regex: tmp_.*}
- {action: labelmap, regex: meta_(.*)}
"""
_ODD = b"""# TYPE m counter
m{a="1",job="page",instance="",exported_job="moved"} 1
m{a="gone"} 2
m{a="2",tmp_x="y",meta_z="w"} NaN
m{a="2",tmp_x="y2",meta_z="w"} +Inf
spaces  {  a = "b" , }   -1.5e-3
escaped{a="q\\"b\\\\l"} 0
timed 5 %d
"""
_SPECIAL: dict[str, dict[str, Any]] = {
    "overruled": {},
    "honored": {"honor_labels": True},
    "relabelled": {"rules": _RULES},
    "untimed": {"honor_timestamps": False},
    "label limit": {"bounds": {"label_limit": 4}},
    "label length": {"bounds": {"label_value_length_limit": 7}},
    "sample limit": {"bounds": {"sample_limit": 3}},
    "within the sample limit": {"bounds": {"sample_limit": 100}},
    "body limit": {"bounds": {"body_size_limit": "50B"}},
}
_BOUNDS = {
    "label_limit": "labels",
    "label_value_length_limit": "label_value_bytes",
    "sample_limit": "samples",
}
_UNEQUAL = ("scrape_duration_seconds", "scrape_series_added")
"""What differs from scrape to scrape."""
_COUNTS = ("scrape_samples_scraped", "scrape_samples_post_metric_relabeling")
_CUT = ("/label_limit", "/label_length", "/broken", "/om_without_end")
"""Pages refused for one line: Prometheus counts the samples before it, Swell those before its block."""

Series = dict[str, str]


@pytest.fixture
def pages(shared_data: Path) -> Iterator[Pages]:
    now_ms = int(time.time() * 1000) - 1000
    with serving() as found:
        for name, path in CAPTURES.items():
            found.put(capture(shared_data, path), _path(name))
        for name in _SPECIAL:
            found.put(_ODD % now_ms, _path(name))
        found.put(b"broken 1\nbroken{ 2\n", "/broken")
        found.put(
            b'# TYPE c counter\nc_total 1 # {t="x"} 0.5\nc_created 5\n# EOF\n', "/om", media=OPENMETRICS
        )
        found.put(b"c_total 1\n", "/om_without_end", media=OPENMETRICS)
        quantiles = [{"quantile": 0.5, "value": 2}]
        summary = {"sample_count": 4, "sample_sum": 9, "quantile": quantiles}
        found.put(
            delimited(
                family("h_bytes", HISTOGRAM, histogram=CLASSIC),
                family("c_bytes", COUNTER, counter={"value": 3, "exemplar": EXEMPLAR}),
                family("s_bytes", SUMMARY, summary=summary),
            ),
            "/protobuf",
            media=PROTOBUF,
        )
        yield found


def _path(name: str) -> str:
    return "/" + name.replace(" ", "_")


def jobs(pages: Pages) -> dict[str, dict[str, Any]]:
    """Options of Target by path; captures keep to the time of the scrape, since theirs is long ago."""
    found: dict[str, dict[str, Any]] = {_path(name): options for name, options in _SPECIAL.items()}
    for path in pages.answers:
        found.setdefault(path, {"honor_timestamps": False})
    return found


def targets(pages: Pages) -> list[Target]:
    found = []
    for path, options in jobs(pages).items():
        rules = parse_rules(options["rules"]) if "rules" in options else ()
        limits = {
            _BOUNDS[name]: value for name, value in options.get("bounds", {}).items() if name in _BOUNDS
        }
        if "body_size_limit" in options.get("bounds", {}):
            limits["body_size_bytes"] = 50
        found.append(
            Target(
                pages.url(path),
                path,
                {"job": path, "instance": "here", "zone": path},
                interval_ms=1000,
                timeout_ms=1000,
                honor_labels=options.get("honor_labels", False),
                honor_timestamps=options.get("honor_timestamps", True),
                rules=rules,
                bounds=Bounds(**limits),
            )
        )
    return found


def configuration(pages: Pages) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - of this function alone

    scrapes = []
    for path, options in jobs(pages).items():
        scrapes.append(
            {
                "job_name": path,
                "metrics_path": path,
                "honor_labels": options.get("honor_labels", False),
                "honor_timestamps": options.get("honor_timestamps", True),
                "metric_relabel_configs": yaml.safe_load(options.get("rules", "[]")),
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{pages.port}"],
                        "labels": {"instance": "here", "zone": path},
                    }
                ],
                **options.get("bounds", {}),
            }
        )
    return {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": scrapes}


class Ours:
    """What the scraper has told: the last value of every series that lives."""

    def __init__(self) -> None:
        self.live: dict[str, dict[str, str]] = {}
        self.rounds: dict[str, int] = {}

    def take(self, sweep: Sweep) -> None:
        live = self.live.setdefault(sweep.source, {})
        ends = is_stale(sweep.values).tolist()
        for line, value, is_end in zip(sweep.lines, sweep.values.tolist(), ends, strict=True):
            labels = {name.decode(): text.decode() for name, text in label_pairs(line)}
            if is_end:
                live.pop(key(labels), None)
            else:
                live[key(labels)] = shown(value)
        self.rounds[sweep.source] = self.rounds.get(sweep.source, 0) + 1


def key(labels: dict[str, str]) -> str:
    """A series, with bounds of buckets as Prometheus 3 writes them."""
    bounds = {
        name: repr(float(value)) if name in ("le", "quantile") and value != "+Inf" else value
        for name, value in labels.items()
    }
    return repr(sorted(bounds.items()))


def shown(value: float) -> str:
    return "nan" if math.isnan(value) else repr(value)


def theirs(url: str, job: str) -> Series:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": f'{{zone="{job}"}}'}, timeout=30)
    result = answer.raise_for_status().json()["data"]["result"]
    return {key(row["metric"]): shown(float(row["value"][1].replace("Inf", "inf"))) for row in result}


def compared(found: Series, job: str) -> Series:
    unequal = (*_UNEQUAL, *(_COUNTS if job in _CUT else ()))
    return {
        series: value
        for series, value in found.items()
        if not any(f"('__name__', '{name}')" in series for name in unequal)
    }


async def follow(pages: Pages, change: Callable[[Ours], Any]) -> Ours:
    ours, scraper, given = Ours(), Scraper(), targets(pages)
    task = asyncio.create_task(scraper.run(lambda: given, ours.take))
    try:
        await asyncio.to_thread(change, ours)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    finally:
        task.cancel()
    return ours


@pytest.mark.skipif(not _PROGRAMS, reason="prometheus is not installed; Debian's package of that name has it")
@pytest.mark.parametrize("program", _PROGRAMS, ids=[version for _, version in _PROGRAMS])
def test_a_prometheus_that_scrapes_the_same_pages_has_the_same_series(
    pages: Pages, program: tuple[str, str], tmp_path: Path
) -> None:
    states: list[dict[str, tuple[Series, Series]]] = []

    def both(ours: Ours, url: str) -> dict[str, tuple[Series, Series]]:
        return {
            one.job: (
                compared(ours.live.get(source_of(one), {}), one.job),
                compared(theirs(url, one.job), one.job),
            )
            for one in targets(pages)
        }

    def watch(ours: Ours) -> None:
        with running(program, tmp_path, configuration(pages)) as url:

            def are_equal() -> bool:
                found = both(ours, url)
                return all(mine and mine == other for mine, other in found.values())

            def settle(what: str) -> None:
                try:
                    wait_until(are_equal, what, 60)
                except AssertionError:
                    states.append(both(ours, url))

            settle("the first pages")
            pages.put(b"m 1\nk 2\n", "/honored")
            pages.put(b"", "/etcd", status=500)
            pages.put(b"m 1\n", "/overruled")
            settle("the changed pages")

    asyncio.run(follow(pages, watch))
    for state in states:
        for job, (mine, other) in state.items():
            assert mine == other, job
    assert states == []
