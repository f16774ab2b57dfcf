"""Targets are those that a real Prometheus finds for the same configuration and the same cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.discovery.document import parse_jobs
from collector.discovery.files import FileFinder
from collector.discovery.group import Group
from collector.discovery.job import Files, Job, Kubernetes, Static
from collector.discovery.kubernetes.roles import ROLES, object_key
from collector.discovery.labelling import found_labels, target_of
from collector.discovery.pool import Pool
from collector.discovery.section import yaml_content
from storage.errors import ConfigError
from tests.discovery.clusters import HERE, Objects, api_server, captured, decoded, written
from tests.discovery.prometheus import Found, found_by, frozen, programs, running
from tests.peers import wait_until

PAGES = [{"targets": ["h:1", "h:2"], "labels": {"x": "y"}}, {"targets": ["h:3"]}]
FILES = {
    "one.json": '[{"targets": ["j:1"], "labels": {"a": "b"}}]',
    "two.yml": '- targets: ["y:1", "y:2"]\n- targets: ["z:1"]\n  labels: {q: w}\n',
}


def configuration(root: Path, server: str, clusters: dict[str, Objects], major: str) -> dict[str, Any]:
    """The jobs of this directory, those of a cluster once a cluster, and the files that they name."""
    (root / "sd").mkdir()
    for name, text in FILES.items():
        (root / "sd" / name).write_text(text)
    content = yaml.safe_load((HERE / "jobs.yml").read_text().replace("SERVER", server))
    jobs = []
    for job in content["scrape_configs"]:
        if job["job_name"].startswith("only in 3") and major != "3":
            continue
        names = clusters if "kubernetes_sd_configs" in job else [""]
        jobs += [{**job, "job_name": job["job_name"].replace("CLUSTER", name)} for name in names]
    return {**content, "scrape_configs": jobs}


def asking(content: dict[str, Any], server: str) -> dict[str, Any]:
    """The same for Prometheus, which must be told where the API is."""
    jobs = json.loads(json.dumps(content["scrape_configs"]))
    for job in jobs:
        for source in job.get("kubernetes_sd_configs", []):
            source["api_server"] = f"{server}/{job['job_name'].split()[0]}"
    return {**content, "scrape_configs": jobs}


def groups_of(job: Job, clusters: dict[str, Objects], server: str) -> Iterator[Group]:
    for source in job.sources:
        if isinstance(source, Static):
            yield from source.groups
        elif isinstance(source, Kubernetes):
            yield from cluster_groups(source, clusters[job.name.split()[0]])
        elif isinstance(source, Files):
            yield from file_groups(job, source)
        else:
            for page in PAGES:
                targets = [{"__address__": address} for address in page["targets"]]
                yield Group(targets, {**page.get("labels", {}), "__meta_url": f"{server}/targets"})  # type: ignore[dict-item]


def file_groups(job: Job, source: Files) -> Iterator[Group]:
    """Each target as a group of its own."""
    pool = Pool(replace(job, rules=()))
    FileFinder(pool, "", source).refresh()
    yield from (Group([target.found]) for target in pool.targets)


def cluster_groups(source: Kubernetes, objects: Objects) -> Iterator[Group]:
    known = decoded(objects)
    index = {(kind, object_key(item)): item for kind, items in known.items() for item in items}
    scope = source.scope
    for item in known[source.role]:
        is_within = not scope.namespaces or item.metadata.namespace in scope.namespaces
        if is_within and (not scope.selectors or item.spec.node_name == "node-a"):
            yield ROLES[source.role].group(item, lambda kind, key: index.get((kind, key)), scope.with_nodes)


def ours(job: Job, groups: Iterator[Group]) -> Found:
    found = Found({}, [])
    for group in groups:
        for own in group.targets:
            labels = {**group.labels, **own}
            try:
                target = target_of(job, labels)
            except ConfigError:
                continue
            if target is None:
                found.dropped.append(frozen(found_labels(job, labels)))
            else:
                found.active.setdefault((target.url, frozen(target.labels)), []).append(target.found)
    return found


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.parametrize("major", ["3", "2"])
def test_targets_are_those_of_a_real_prometheus(major: str, tmp_path: Path, shared_data_root: Path) -> None:
    program = next((one for one in programs() if one[1] == major), None)
    if program is None:
        pytest.skip(f"no Prometheus {major} is installed")
    # Debian's Prometheus 2 is built without the discovery of Kubernetes.
    clusters = {"written": written(), **captured(shared_data_root)} if major == "3" else {}

    with api_server(clusters, {"/targets": PAGES}) as server:
        content = configuration(tmp_path, server, clusters, major)
        jobs = parse_jobs(yaml_content(yaml.safe_dump(content)), tmp_path, "jobs.yml")
        expected = {job.name: ours(job, groups_of(job, clusters, server)) for job in jobs}
        with running(program, tmp_path, asking(content, server)) as url:
            wait_until(lambda: _counts(found_by(url)) == _counts(expected), "all targets are found", 90)
            theirs = found_by(url)

    for name, own in expected.items():
        other = theirs.get(name, Found({}, []))
        assert own.active.keys() == other.active.keys(), name
        assert sorted(own.dropped) == sorted(other.dropped), name
        for key, found in other.active.items():
            assert all(labels in own.active[key] for labels in found), (name, key)


def _counts(found: dict[str, Found]) -> dict[str, tuple[int, int]]:
    counts = {name: (len(one.active), len(one.dropped)) for name, one in found.items()}
    return {name: count for name, count in counts.items() if any(count)}
