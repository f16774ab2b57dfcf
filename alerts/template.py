"""Labels and annotations of alerts: Go templates with Prometheus's functions and data.

The reference is Prometheus's page on template reference (docs/configuration/template_reference.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from alerts.gotemplate.evaluate import Functions, render
from alerts.gotemplate.functions import BUILTINS
from alerts.gotemplate.lexer import TemplateError
from alerts.gotemplate.parser import parse_template
from alerts.gotemplate.tree import Text, Tree
from alerts.gotemplate.values import Struct
from alerts.humanize import FUNCTIONS
from storage.errors import Error

Vector: TypeAlias = Sequence[tuple[Mapping[str, str], float]]
"""An instant vector at the edge of the engine: labels and value of each series."""

Ask: TypeAlias = Callable[[str], Vector]
"""Answers a PromQL expression at the time of the evaluation."""

_VARIABLES: Final = ("$labels", "$value", "$externalLabels", "$externalURL")


@dataclass(frozen=True, slots=True)
class Template:
    """A template as it was written, and its tree."""

    text: str
    tree: Tree = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all templates of one evaluation share: the engine, and what the operator calls this server."""

    ask: Ask
    external_url: str = ""
    external_labels: Mapping[str, str] = field(default_factory=dict)


def compile_template(text: str) -> Template:
    """Raises `TemplateError` with a line where the text is no template."""
    return Template(text, parse_template(text, _KNOWN, _VARIABLES))


def expand(template: Template, labels: Mapping[str, str], value: float, around: Surroundings) -> str:
    """The text for one series. What fails stands in the text, so that the alert itself goes on."""
    nodes = template.tree.nodes
    if all(isinstance(node, Text) for node in nodes):
        return "".join(node.text for node in nodes if isinstance(node, Text))
    fields = {
        "Labels": dict(labels),
        "ExternalLabels": dict(around.external_labels),
        "ExternalURL": around.external_url,
        "Value": float(value),
    }
    variables = dict(zip(_VARIABLES, (fields[k] for k in _FIELD_ORDER), strict=True))
    try:
        data = Struct("template.alertTemplateData", fields)
        return render(template.tree, data, {**_KNOWN, **_asking(around)}, variables)
    except Error as error:
        return f"<error expanding template: {error}>"


_FIELD_ORDER: Final = ("Labels", "Value", "ExternalLabels", "ExternalURL")


def _asking(around: Surroundings) -> Functions:
    def query(text: str) -> list[Struct]:
        return [
            Struct("*template.sample", {"Labels": dict(labels), "Value": float(value)})
            for labels, value in around.ask(text)
        ]

    return {"query": query, "externalURL": lambda: around.external_url}


def _first(samples: list[Struct]) -> Struct:
    if not samples:
        raise TemplateError("first() called on vector with no elements")
    return samples[0]


def _sort_by_label(label: str, samples: list[Struct]) -> list[Struct]:
    return sorted(samples, key=lambda sample: str(sample.fields["Labels"].get(label, "")))


def _outside(*_: Any) -> Any:
    raise TemplateError("is known only while an alert is expanded")


_KNOWN: Final[Functions] = {
    **BUILTINS,
    **FUNCTIONS,
    "query": _outside,
    "externalURL": _outside,
    "first": _first,
    "label": lambda name, sample: sample.fields["Labels"].get(name, ""),
    "value": lambda sample: sample.fields["Value"],
    "strvalue": lambda sample: sample.fields["Labels"].get("__value__", ""),
    "sortByLabel": _sort_by_label,
    "args": lambda *values: {f"arg{i}": value for i, value in enumerate(values)},
}
