"""A ServiceMonitor as jobs, one for each of its endpoints."""

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
from collector.discovery.section import Section
from ingest.relabel.rules import Action, Rule

_LABEL = META + "service_label_"
_POD_LABEL = META + "pod_label_"


def service_monitor_jobs(monitor: Monitor, how: Translation, scope: Scope) -> tuple[Job, ...]:
    """The jobs of a monitor. Raises ConfigError that names it and the key."""
    spec, metadata = spec_of("ServiceMonitor", monitor), monitor.metadata
    attach = spec.section("attachMetadata")
    scope = replace(scope, with_nodes=attach.boolean("node")) if attach else scope
    selector = selector_of(spec, metadata.namespace, "service")
    jobs = []
    for number, endpoint in enumerate(spec.sections("endpoints")):
        name = f"serviceMonitor/{metadata.namespace}/{metadata.name}/{number}"
        job = base_job(name, spec, endpoint, how, metadata.namespace)
        rules = (*_rules(spec, endpoint, how.role), *rules_in(endpoint, "relabelings"))
        jobs.append(replace(job, sources=(Kubernetes(how.role, scope),), rules=rules, prepare=selector))
    return tuple(jobs)


def _rules(spec: Section, endpoint: Section, role: str) -> tuple[Rule, ...]:
    """The operator's own rules, before those of the monitor."""
    name = "endpoint" if role == "endpoints" else role
    kind = (f"{META}{name}_address_target_kind", f"{META}{name}_address_target_name")
    port_rule, endpoint_rule = _port_rules(endpoint, f"{META}{name}_port_name")
    return (
        copied("job", "__tmp_prometheus_job_name"),
        *port_rule,
        Rule(source_labels=kind, regex="Node;(.*)", replacement="${1}", target_label="node"),
        Rule(source_labels=kind, regex="Pod;(.*)", replacement="${1}", target_label="pod"),
        copied(NAMESPACE, "namespace"),
        copied(META + "service_name", "service"),
        copied(META + "pod_name", "pod"),
        copied(META + "pod_container_name", "container"),
        *running_only(endpoint),
        *(copied(_LABEL + sanitized(key), sanitized(key), "(.+)") for key in spec.texts("targetLabels")),
        *(
            copied(_POD_LABEL + sanitized(key), sanitized(key), "(.+)")
            for key in spec.texts("podTargetLabels")
        ),
        copied(META + "service_name", "job"),
        *(
            (copied(_LABEL + sanitized(spec.text("jobLabel")), "job", "(.+)"),)
            if spec.text("jobLabel")
            else ()
        ),
        *endpoint_rule,
    )


def running_only(endpoint: Section) -> tuple[Rule, ...]:
    """Pods that have ended are left out, unless the endpoint wants them."""
    if not endpoint.boolean("filterRunning", default=True):
        return ()
    return (Rule(Action.DROP, source_labels=(META + "pod_phase",), regex="(Failed|Succeeded)"),)


def _port_rules(endpoint: Section, port_name: str) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    port, target = endpoint.text("port"), endpoint.text("targetPort")
    if port:
        return (kept(port_name, port),), (named(port),)
    if target.isdigit():
        return (kept(META + "pod_container_port_number", target),), (named(target),)
    if target:
        return (kept(META + "pod_container_port_name", target),), (named(target),)
    return (), ()


def named(port: str) -> Rule:
    """The rule that makes the `endpoint` label."""
    return Rule(target_label="endpoint", replacement=port.replace("$", "$$"))
