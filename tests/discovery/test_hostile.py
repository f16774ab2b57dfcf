"""Whatever people write, it becomes targets or a reason, and never ends a collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.discovery.annotations import annotated_pods, annotated_services
from collector.discovery.document import parse_jobs
from collector.discovery.files import read_groups
from collector.discovery.group import Group
from collector.discovery.job import Job, Scope
from collector.discovery.kubernetes.roles import KINDS, ROLES
from collector.discovery.labelling import targets_of
from collector.discovery.monitors.endpoint import Monitor, Translation
from collector.discovery.monitors.pod_monitor import pod_monitor_jobs
from collector.discovery.monitors.probe import probe_jobs
from collector.discovery.monitors.service_monitor import service_monitor_jobs
from collector.discovery.section import as_text
from storage.errors import ConfigError

WORDS = st.sampled_from(
    ["", "a", "true", "5s", "0", "1", "http", "$1", "(", "x/y", "[::1]:1", "é\n", "\ud800", "pod"]
)
JOB_KEYS = [
    "job_name",
    "static_configs",
    "kubernetes_sd_configs",
    "relabel_configs",
    "params",
    "targets",
    "labels",
    "role",
    "basic_auth",
    "tls_config",
    "scrape_interval",
    "source_labels",
    "target_label",
    "regex",
    "<<",
]
SPEC_KEYS = [
    "endpoints",
    "podMetricsEndpoints",
    "selector",
    "matchLabels",
    "matchExpressions",
    "namespaceSelector",
    "port",
    "targetPort",
    "portNumber",
    "relabelings",
    "sourceLabels",
    "tlsConfig",
    "bearerTokenSecret",
    "prober",
    "url",
    "targets",
    "staticConfig",
    "static",
    "jobLabel",
    "interval",
    "key",
    "name",
]


def nested(keys: list[str]) -> st.SearchStrategy[Any]:
    scalars = WORDS | st.none() | st.booleans() | st.integers(-1, 3)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(keys), inner, max_size=5),
    )


def take(jobs: tuple[Job, ...]) -> None:
    labels = {"__address__": "a:1", "__meta_kubernetes_namespace": "n", "__meta_kubernetes_service_name": "s"}
    for job in jobs:
        targets_of(job, Group([labels]))


@given(st.lists(st.dictionaries(st.sampled_from(JOB_KEYS), nested(JOB_KEYS), max_size=5), max_size=2))
def test_a_document_is_jobs_or_a_reason(parts: list[Any]) -> None:
    try:
        take(parse_jobs(as_text({"scrape_configs": parts}), Path("/"), "f"))
    except ConfigError as error:
        assert str(error)


@given(
    st.sampled_from([service_monitor_jobs, pod_monitor_jobs, probe_jobs]),
    st.dictionaries(st.sampled_from(SPEC_KEYS), nested(SPEC_KEYS), max_size=6),
)
def test_a_monitor_is_jobs_or_a_reason(translate: Any, spec: dict[str, Any]) -> None:
    try:
        take(translate(Monitor(spec=spec), Translation(), Scope()))
    except ConfigError as error:
        assert str(error)


@given(
    st.binary(max_size=60)
    | nested(["targets", "labels", "a-b"]).map(lambda content: msgspec.json.encode(str(content)))
)
def test_a_file_is_groups_or_a_reason(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    for ending in (".json", ".yml"):
        path = tmp_path_factory.getbasetemp() / f"hostile{ending}"
        path.write_bytes(body)
        try:
            read_groups(path)
        except ConfigError as error:
            assert str(path) in str(error)


@given(
    st.dictionaries(
        st.sampled_from(
            ["scrape", "port", "path", "scheme", "interval", "timeout", "param", "prefix", "instance"]
        ),
        st.text(max_size=8) | WORDS,
    )
)
def test_annotations_are_targets_or_a_reason(notes: dict[str, str]) -> None:
    for kind, job in (
        ("pod", annotated_pods(30_000, 10_000, Scope())),
        ("service", annotated_services(30_000, 10_000, Scope(), "endpoints")),
    ):
        prefix = f"__meta_kubernetes_{kind}_annotation_prometheus_io_"
        shared = {prefix + name: value for name, value in {"scrape": "true", **notes}.items()}
        own = {"__address__": "10.0.0.1:80", "__meta_kubernetes_endpoint_port_name": "p"}
        targets, errors = targets_of(job, Group([own], shared))
        assert len(targets) + len(errors) <= 1


@given(
    st.sampled_from(sorted(ROLES)),
    nested(["metadata", "spec", "status", "subsets", "ports", "name", "labels"]),
)
def test_an_object_is_a_group_or_no_object(role: str, content: Any) -> None:
    try:
        item = msgspec.json.decode(msgspec.json.encode(content), type=KINDS[role].struct)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return
    list(ROLES[role].group(item, lambda _, __: None, True).targets)
    list(ROLES[role].references(item))
