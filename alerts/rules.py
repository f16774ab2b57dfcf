"""Prometheus rule files: groups of recording and alerting rules, read and checked before anything runs.

The format is that of Prometheus 3 (docs/configuration/recording_rules.md), plain or inside the PrometheusRule
resource of the Prometheus operator. In the place of `expr` an alerting rule may have an `anomaly`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from alerts.anomaly.rule import anomaly_of
from alerts.documents import Section, read
from alerts.gotemplate.lexer import TemplateError
from alerts.template import Template, compile_template
from query.ast import Expr, ValueType, VectorSelector, children
from query.parser import parse
from query.types import type_of
from storage.errors import ConfigError, ParseError
from storage.model import METRIC_NAME, Labels, canonical

_GROUP_KEYS: tuple[str, ...] = ("name", "interval", "query_offset", "limit", "labels", "rules")
_RESOURCE_GROUP_KEYS: tuple[str, ...] = (*_GROUP_KEYS, "partial_response_strategy")
_RULE_KEYS = ("record", "alert", "expr", "anomaly", "for", "keep_firing_for", "labels", "annotations")
_ALERT_ONLY = ("for", "keep_firing_for", "annotations")
_GLOB = re.compile(r"[*?\[]")

Templates: TypeAlias = tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Writes the answer of `text` under the name `name`. `labels` replace those of the answer."""

    name: str
    text: str
    expr: Expr
    labels: Labels


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """An alert for each series that `text` answers. `labels` and `annotations` are templates, by name."""

    name: str
    text: str
    expr: Expr
    for_ms: int
    keep_firing_for_ms: int
    labels: Templates
    annotations: Templates


Rule: TypeAlias = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another at one time. `limit` 0 means none.

    `query_offset_ms` moves the time of evaluation back, for data that arrives late.
    """

    name: str
    file: str
    interval_ms: int
    query_offset_ms: int
    limit: int
    rules: tuple[Rule, ...]

    @property
    def key(self) -> tuple[str, str]:
        """What tells groups apart: file and name."""
        return self.file, self.name


def load(patterns: Sequence[str], default_interval_ms: int = 30_000) -> tuple[Group, ...]:
    """The groups of every file that the patterns name, in the order of patterns, then of file names.

    Raises `ConfigError` that names file, group, rule and key; a plain path must exist, a glob may be empty.
    """
    paths = dict.fromkeys(path for pattern in patterns for path in _expand(pattern))
    return tuple(group for path in paths for group in load_file(path, default_interval_ms))


def load_file(path: Path, default_interval_ms: int = 30_000) -> tuple[Group, ...]:
    """The groups of one file; see `load`."""
    return parse_document(read(path), str(path), default_interval_ms)


def parse_document(document: Any, file: str, default_interval_ms: int = 30_000) -> tuple[Group, ...]:
    """The groups of a document that is already read; see `load`."""
    if document is None:
        return ()
    keys = _GROUP_KEYS
    if isinstance(document, dict) and document.get("kind") == "PrometheusRule":
        keys, document = _RESOURCE_GROUP_KEYS, document.get("spec")
    top = Section.of(file, document, ("groups",))
    groups = [
        _group(file, Section.of(f"{file}: group {number}", value, keys), default_interval_ms)
        for number, value in enumerate(top.items("groups"), 1)
    ]
    names = [group.name for group in groups]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{file}: group {name!r} stands twice, expected a name of its own")
    return tuple(groups)


def metrics_read(expr: Expr) -> frozenset[str] | None:
    """Names of the metrics that an expression reads, or None where a selector names none exactly."""
    found, level = set(), [expr]
    while level:
        for node in level:
            if isinstance(node, VectorSelector):
                found.add(node.name)
        level = [child for node in level for child in children(node)]
    return None if "" in found else frozenset(found)


def _expand(pattern: str) -> list[Path]:
    if not _GLOB.search(pattern):
        return [Path(pattern)]
    path = Path(pattern)
    if path.is_absolute():
        return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
    return sorted(Path().glob(pattern))


def _group(file: str, section: Section, default_interval_ms: int) -> Group:
    name = section.text("name")
    section = Section(f"{file}: group {name!r}", section.content)
    labels = _labels(section)
    interval_ms = section.duration_ms("interval", default_interval_ms) or default_interval_ms
    rules = tuple(
        _rule(Section.of(f"{section.place}, rule {number}", value, _RULE_KEYS), labels)
        for number, value in enumerate(section.items("rules"), 1)
    )
    return Group(
        name, file, interval_ms, section.duration_ms("query_offset", 0), section.whole("limit", 0), rules
    )


def _rule(section: Section, group_labels: dict[str, str]) -> Rule:
    kinds = [kind for kind in ("record", "alert") if section.content.get(kind) is not None]
    if len(kinds) != 1:
        raise ConfigError(
            f"{section.place}: has {' and '.join(kinds) or 'neither'}, expected record or alert"
        )
    name = section.text(kinds[0])
    section = Section(f"{section.place} {name!r}", section.content)
    text = _text(section, kinds[0])
    expr = _expression(section, text)
    labels = group_labels | _labels(section)
    if kinds == ["alert"]:
        return _alerting(section, name, text, expr, labels)
    return _recording(section, name, text, expr, labels)


def _text(section: Section, kind: str) -> str:
    watched = section.content.get("anomaly")
    if watched is None:
        return section.text("expr")
    if kind != "alert" or section.content.get("expr") is not None:
        raise section.error("anomaly", "expected in an alerting rule, in the place of expr")
    return anomaly_of(f"{section.place}, anomaly", watched).expression


def _recording(section: Section, name: str, text: str, expr: Expr, labels: dict[str, str]) -> RecordingRule:
    for key in _ALERT_ONLY:
        if section.content.get(key) is not None:
            raise section.error(key, "belongs to alerting rules, this one records")
    if "{" in name or "}" in name:
        raise section.error("record", "holds a brace, expected the name of a metric")
    return RecordingRule(name, text, expr, canonical(labels))


def _alerting(section: Section, name: str, text: str, expr: Expr, labels: dict[str, str]) -> AlertingRule:
    return AlertingRule(
        name=name,
        text=text,
        expr=expr,
        for_ms=section.duration_ms("for", 0),
        keep_firing_for_ms=section.duration_ms("keep_firing_for", 0),
        labels=_templates(section, "labels", labels),
        annotations=_templates(section, "annotations", section.strings("annotations")),
    )


def _labels(section: Section) -> dict[str, str]:
    labels = section.strings("labels")
    for name in labels:
        if name in ("", METRIC_NAME):
            raise section.error("labels", f"{name!r} cannot be set by a rule")
    return labels


def _templates(section: Section, key: str, texts: dict[str, str]) -> Templates:
    compiled = []
    for name, text in sorted(texts.items()):
        try:
            compiled.append((name, compile_template(text)))
        except TemplateError as error:
            raise section.error(f"{key}, {name}", str(error)) from None
    return tuple(compiled)


def _expression(section: Section, text: str) -> Expr:
    try:
        expr = parse(text)
    except ParseError as error:
        before = text[: error.start]
        line, column = before.count("\n") + 1, error.start - before.rfind("\n")
        raise section.error("expr", f"{line}:{column}: {error}") from None
    if type_of(expr) not in (ValueType.VECTOR, ValueType.SCALAR):
        raise section.error("expr", f"is a {type_of(expr)}, expected an instant vector or a scalar")
    return expr
