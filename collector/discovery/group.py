"""Endpoints that were found together and share labels, as Prometheus's discoveries give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collector.discovery.section import Section
from storage.errors import ConfigError

ADDRESS = "__address__"
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


Targets = Sequence[Mapping[str, str]]


@dataclass(slots=True)
class Group:
    """given: labels of each endpoint, `__address__` among them, or how to make them when they are asked for.

    labels: what the endpoints share; an own label wins. Most groups are left out for these alone.
    """

    given: Targets | Callable[[], Targets] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def targets(self) -> Targets:
        """The labels of each endpoint."""
        if callable(self.given):
            self.given = self.given()
        return self.given


def groups_of(content: Any, where: str) -> list[Group]:
    """A list of `targets` and `labels`, as in static_configs, files and HTTP answers. Raises ConfigError."""
    if not isinstance(content, list):
        raise ConfigError(f"{where}: expected a list of targets and labels, got {content!r}")
    return [group_of(Section(part, f"{where}[{number}]")) for number, part in enumerate(content)]


def group_of(section: Section) -> Group:
    """One of them. Raises ConfigError."""
    labels = section.mapping("labels")
    for name in labels:
        if not _LABEL_NAME.fullmatch(name):
            raise section.error("labels", f"{name!r} is not a label name ({_LABEL_NAME.pattern})")
    group = Group([{ADDRESS: address} for address in section.texts("targets")], labels)
    section.end()
    return group
