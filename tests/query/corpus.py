"""Expressions that people wrote: Prometheus's own tests, alerting rules, dashboards."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.promqltest.script import Eval, parse_script

_DURATION_VARIABLES = re.compile(r"(?i)interval|range|resolution|offset|time")


def promqltest_expressions(directory: Path) -> Iterator[str]:
    """Every expression of the .test files that is not meant to fail."""
    for path in sorted(directory.glob("*.test")):
        for command in parse_script(path.read_text()):
            if isinstance(command, Eval) and not command.fails:
                yield command.expr


def rule_expressions(directory: Path) -> Iterator[str]:
    """Every `expr` of Prometheus rule files, bare or inside a PrometheusRule."""
    for path in sorted(directory.rglob("*.y*ml")):
        for document in yaml.load_all(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            groups = (document or {}).get("groups") or (document or {}).get("spec", {}).get("groups") or []
            for group in groups:
                for rule in group.get("rules", []):
                    if "expr" in rule:
                        yield str(rule["expr"])


def dashboard_expressions(directory: Path) -> Iterator[str]:
    """Every PromQL target of Grafana dashboards, with its variables replaced."""
    for path in sorted(directory.rglob("*.json")):
        yield from _targets(json.loads(path.read_text()))
    for path in sorted(directory.rglob("*.yaml")):
        listing = yaml.load(path.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for item in listing["items"]:
            for text in item["data"].values():
                yield from _targets(json.loads(text))


def substituted(expr: str) -> str:
    """Grafana's variables replaced by values that fit where they stand."""
    return re.sub(r"\$\{(\w+)(?::\w+)?\}|\$(\w+)|\[\[(\w+)\]\]", _value, expr)


def without_spans(node: Any) -> Any:
    """A tree as nested tuples that compare equal where only the spans differ; NaN equals NaN."""
    if isinstance(node, tuple):
        return tuple(map(without_spans, node))
    if is_dataclass(node):
        inside = (without_spans(getattr(node, f.name)) for f in fields(node) if f.name != "span")
        return (type(node).__name__, *inside)
    return repr(node)


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str) and node["expr"].strip():
            yield substituted(node["expr"])
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def _value(match: re.Match[str]) -> str:
    name = next(group for group in match.groups() if group)
    if name.endswith(("_s", "_ms")):
        return "300"
    return "5m" if _DURATION_VARIABLES.search(name) else "x"
