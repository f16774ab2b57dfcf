"""Every example of docs/scraping.md can be used as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from collector.discovery.annotations import annotated_pods
from collector.discovery.document import parse_jobs
from collector.discovery.job import Kubernetes, Scope, Static
from collector.discovery.labelling import targets_of
from collector.discovery.monitors.endpoint import Monitor, Translation
from collector.discovery.monitors.pod_monitor import pod_monitor_jobs
from collector.discovery.monitors.probe import probe_jobs
from collector.discovery.monitors.service_monitor import service_monitor_jobs
from collector.discovery.section import yaml_content
from tests.discovery.clusters import decoded, written
from tests.discovery.feeding import targets_of_job

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/scraping.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
MONITORS = {"ServiceMonitor": service_monitor_jobs, "PodMonitor": pod_monitor_jobs, "Probe": probe_jobs}


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text[:60])
def test_an_example_is_read_and_its_fixed_targets_are_targets(text: str) -> None:
    content = yaml.safe_load(text)
    if "kind" in content:
        jobs = MONITORS[content["kind"]](msgspec.convert(content, Monitor), Translation(), Scope())
    elif "scrape_configs" in content:
        jobs = parse_jobs(yaml_content(text), Path("/etc/swell"), "example")
    else:
        pytest.skip("annotations, which have a test of their own")

    for job in jobs:
        assert job.sources
        for source in job.sources:
            if isinstance(source, Static):
                found = [targets_of(job, group) for group in source.groups]
                assert all(targets and not errors for targets, errors in found)
            else:
                assert not isinstance(source, Kubernetes) or job.rules


def test_the_annotations_of_the_document_make_a_target() -> None:
    (text,) = (text for text in EXAMPLES if text.startswith("metadata:"))
    objects = dict(written())
    pod = next(pod for pod in objects["pods"] if pod["metadata"]["name"] == "web-7c9d8f6b5d-abcde")
    pod["metadata"]["annotations"] = yaml.safe_load(text)["metadata"]["annotations"]

    targets, _ = targets_of_job(annotated_pods(30_000, 10_000, Scope()), decoded(objects))

    assert [target.url for target in targets] == ["http://10.1.0.5:9090/metrics"]


def test_every_annotation_that_is_read_is_documented() -> None:
    names = set(re.findall(r'"((?:prometheus\.io|k8s\.grafana\.com)/[^"]+)"', source_of_annotations()))

    assert names == {name for name in names if f"`{name}`" in DOCUMENT.read_text()}


def source_of_annotations() -> str:
    return (DOCUMENT.parents[1] / "collector/discovery/annotations.py").read_text()
