"""Rules as they are written: a YAML list, as below `write_relabel_configs` in Prometheus's own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from ingest.relabel.rules import Action, Rule
from storage.errors import ConfigError

_TEXTS: Final = ("separator", "regex", "target_label", "replacement")


def read_rules(path: Path, setting: str) -> tuple[Rule, ...]:
    """The rules of a file. Raises `ConfigError` that names the setting, the rule and what is wrong."""
    try:
        return parse_rules(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting}: cannot read {str(path)!r}: {error}") from None
    except ConfigError as error:
        raise ConfigError(f"{setting}: {str(path)!r}: {error}") from None


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a document. Raises `ConfigError` that names the rule and what is wrong."""
    try:
        content = yaml.load(text, Loader=yaml.BaseLoader)  # it makes nothing but text
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}") from None
    return rules_of(content)


def rules_of(content: Any) -> tuple[Rule, ...]:
    """The rules of a list of mappings from text to text. Raises `ConfigError`, as `parse_rules` does."""
    if not isinstance(content, list):
        raise ConfigError("expected a list of rules")
    return tuple(_rule(one, f"rule {number}") for number, one in enumerate(content, 1))


def _rule(content: Any, where: str) -> Rule:
    if not isinstance(content, dict):
        raise ConfigError(f"{where}: expected keys such as source_labels, got {content!r}")
    fields: dict[str, Any] = {}
    try:
        for key, value in content.items():
            fields[key] = _field(key, value)
        return Rule(**fields)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _field(key: str, value: Any) -> Any:
    if key == "source_labels":
        if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
            raise ConfigError(f"{key}: expected a list of label names, got {value!r}")
        return tuple(value)
    if not isinstance(value, str):
        raise ConfigError(f"{key}: expected one value, got {value!r}")
    if key == "action":
        known = [action.value for action in Action]
        if value.lower() not in known:
            raise ConfigError(f"{key}: {value!r} is unknown, expected one of {', '.join(known)}")
        return Action(value.lower())
    if key == "modulus":
        if not (value.isascii() and value.isdigit()):
            raise ConfigError(f"{key}: {value!r} is not a whole number")
        return int(value)
    if key not in _TEXTS:
        raise ConfigError(f"{key}: unknown key, expected {', '.join(('source_labels', 'action', *_TEXTS))}")
    return value
