"""What a team writes into annotations is what is scraped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.discovery.annotations import annotated_pods, annotated_services
from collector.discovery.job import Scope
from collector.target import Trust
from ingest.relabel.rules import relabel
from tests.discovery.clusters import decoded, written
from tests.discovery.feeding import targets_of_job

CASES = yaml.safe_load((Path(__file__).parent / "annotated.yml").read_text())


def annotate(objects: dict[str, list[dict[str, Any]]], plural: str, name: str, notes: dict[str, str]) -> None:
    for item in objects[plural]:
        item["metadata"].pop("annotations", None)
        if item["metadata"]["name"] == name:
            item["metadata"]["annotations"] = notes


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_annotations_make_the_targets_of_the_case(case: dict[str, Any]) -> None:
    objects = dict(written())
    annotate(objects, "pods", "web-7c9d8f6b5d-abcde", case.get("pod", {}))
    annotate(objects, "services", "web", case.get("service", {}))
    pods, pod_error = targets_of_job(annotated_pods(30_000, 10_000, Scope()), decoded(objects))
    job = annotated_services(30_000, 10_000, Scope(), "endpointslice")
    services, service_error = targets_of_job(job, decoded(objects))

    found = [*pods, *services]
    assert [{"url": target.url, "labels": target.labels} for target in found] == case["targets"]
    assert (pod_error or service_error) == case.get("error", "")
    for target in found:
        assert target.interval_ms == case.get("interval_ms", 30_000)
        assert target.timeout_ms == case.get("timeout_ms", 10_000)
        assert target.trust == Trust(
            server_name=case.get("server_name", ""), insecure=case.get("insecure", False)
        )
        for name, new in case.get("renamed", {}).items():
            assert relabel(target.rules, {"__name__": name}) == {"__name__": new}


def test_services_are_found_through_endpoints_too() -> None:
    objects = dict(written())
    annotate(objects, "pods", "", {})
    annotate(objects, "services", "web", {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"})
    job = annotated_services(30_000, 10_000, Scope(), "endpoints")

    found, error = targets_of_job(job, decoded(objects))

    assert error == ""
    assert {target.url for target in found} >= {"http://10.1.0.5:8080/metrics"}
    assert {target.labels["service"] for target in found} == {"web"}
