"""A PodMonitor as jobs, one for each of its endpoints."""

from __future__ import annotations

from dataclasses import replace

from collector.discovery.job import Job, Kubernetes, Scope
from collector.discovery.kubernetes.labels import META, NAMESPACE, sanitized
from collector.discovery.monitors.endpoint import (
    Monitor,
    Translation,
    base_job,
    copied,
    kept,
    rules_in,
    spec_of,
)
from collector.discovery.monitors.selector import selector_of
from collector.discovery.monitors.service_monitor import named, running_only
from collector.discovery.section import Section
from ingest.relabel.rules import Rule

_LABEL = META + "pod_label_"


def pod_monitor_jobs(monitor: Monitor, how: Translation, scope: Scope) -> tuple[Job, ...]:
    """The jobs of a monitor. Raises ConfigError that names it and the key."""
    spec, metadata = spec_of("PodMonitor", monitor), monitor.metadata
    attach = spec.section("attachMetadata")
    scope = replace(scope, with_nodes=attach.boolean("node")) if attach else scope
    selector = selector_of(spec, metadata.namespace, "pod")
    owner = f"{metadata.namespace}/{metadata.name}"
    jobs = []
    for number, endpoint in enumerate(spec.sections("podMetricsEndpoints")):
        job = base_job(f"podMonitor/{owner}/{number}", spec, endpoint, how, metadata.namespace)
        rules = (*_rules(spec, endpoint, owner), *rules_in(endpoint, "relabelings"))
        jobs.append(replace(job, sources=(Kubernetes("pod", scope),), rules=rules, prepare=selector))
    return tuple(jobs)


def _rules(spec: Section, endpoint: Section, owner: str) -> tuple[Rule, ...]:
    """The operator's own rules, before those of the monitor."""
    port_rule, endpoint_rule = _port_rules(endpoint)
    job_label = spec.text("jobLabel")
    return (
        copied("job", "__tmp_prometheus_job_name"),
        *running_only(endpoint),
        *port_rule,
        copied(NAMESPACE, "namespace"),
        copied(META + "pod_container_name", "container"),
        copied(META + "pod_name", "pod"),
        *(copied(_LABEL + sanitized(key), sanitized(key), "(.+)") for key in spec.texts("podTargetLabels")),
        Rule(target_label="job", replacement=owner),
        *((copied(_LABEL + sanitized(job_label), "job", "(.+)"),) if job_label else ()),
        *endpoint_rule,
    )


def _port_rules(endpoint: Section) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    number, name = META + "pod_container_port_number", META + "pod_container_port_name"
    port, target = endpoint.text("port"), endpoint.text("targetPort")
    if port:
        return (kept(name, port),), (named(port),)
    if endpoint.integer("portNumber"):
        given = str(endpoint.integer("portNumber"))
        return (kept(number, given),), (named(given),)
    if target:
        return (kept(number if target.isdigit() else name, target),), (named(target),)
    return (), ()
