"""A Probe as a job: static addresses or ingresses, asked through a prober such as the blackbox exporter."""

from __future__ import annotations

from dataclasses import replace

from collector.discovery.group import ADDRESS, Group
from collector.discovery.job import Job, Kubernetes, Scope, Source, Static
from collector.discovery.kubernetes.labels import META, NAMESPACE
from collector.discovery.labelling import PARAM
from collector.discovery.monitors.endpoint import (
    Monitor,
    Translation,
    base_job,
    copied,
    rules_in,
    spec_of,
)
from collector.discovery.monitors.selector import Selector, selector_of
from collector.discovery.section import Section
from ingest.relabel.rules import Rule

_TARGET = PARAM + "target"
_INGRESS = META + "ingress_"


def probe_jobs(monitor: Monitor, how: Translation, scope: Scope) -> tuple[Job, ...]:
    """The job of a probe. Raises ConfigError that names it and the key."""
    spec, metadata = spec_of("Probe", monitor), monitor.metadata
    prober, targets = spec.section("prober"), spec.section("targets")
    if prober is None or not prober.text("url"):
        raise spec.error("prober", "has no url")
    fixed = targets.section("staticConfig") if targets else None
    ingress = targets.section("ingress") if targets else None
    job = base_job(f"probe/{metadata.namespace}/{metadata.name}", spec, spec, how, metadata.namespace)
    ending = _ending_rules(spec, prober)
    module = spec.text("module")
    job = replace(
        job,
        path=prober.text("path", "/probe"),
        scheme=prober.text("scheme", "http").lower(),
        params={**job.params, **({"module": (module,)} if module else {})},
    )
    if fixed is not None:
        rules = (*_static_rules(fixed), *ending, *rules_in(fixed, "relabelingConfigs"))
        return (replace(job, sources=(_static(fixed, metadata.namespace),), rules=rules),)
    if ingress is None:
        raise spec.error("targets", "has neither staticConfig nor ingress")
    selector: Selector = selector_of(ingress, metadata.namespace, "ingress")
    rules = (*_ingress_rules(), *ending, *rules_in(ingress, "relabelingConfigs"))
    return (replace(job, sources=(Kubernetes("ingress", scope),), rules=rules, prepare=selector),)


def _static(section: Section, namespace: str) -> Source:
    addresses = [{ADDRESS: address} for address in section.texts("static")]
    return Static((Group(addresses, {"namespace": namespace, **section.mapping("labels")}),))


def _static_rules(_: Section) -> tuple[Rule, ...]:
    return (copied(ADDRESS, _TARGET), copied(_TARGET, "instance"))


def _ingress_rules() -> tuple[Rule, ...]:
    parts = (_INGRESS + "scheme", ADDRESS, _INGRESS + "path")
    return (
        Rule(
            source_labels=parts, regex="(.+);(.+);(.+)", replacement="${1}://${2}${3}", target_label=_TARGET
        ),
        copied(_TARGET, "instance"),
        copied(NAMESPACE, "namespace"),
        copied(_INGRESS + "name", "ingress"),
    )


def _ending_rules(spec: Section, prober: Section) -> tuple[Rule, ...]:
    name = spec.text("jobName")
    return (
        *((Rule(target_label="job", replacement=name.replace("$", "$$")),) if name else ()),
        Rule(target_label=ADDRESS, replacement=prober.text("url").replace("$", "$$")),
    )
