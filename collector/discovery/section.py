"""A part of a configuration that remembers where it stands and which of its keys were read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from collector.discovery.quantities import duration_ms, size_bytes
from ingest.relabel.document import rules_of
from ingest.relabel.rules import Rule
from storage.errors import ConfigError


def yaml_content(text: str) -> Any:
    """A YAML document whose scalars are all text. Raises ConfigError."""
    try:
        return _merged(yaml.load(text, Loader=yaml.BaseLoader))
    except yaml.YAMLError as error:
        raise ConfigError(f"not YAML: {error}") from None


def as_text(content: Any) -> Any:
    """Content of JSON with its scalars as YAML would write them, so that one reader serves both."""
    if isinstance(content, Mapping):
        return {str(key): as_text(value) for key, value in content.items()}
    if isinstance(content, list):
        return [as_text(value) for value in content]
    if isinstance(content, bool):
        return "true" if content else "false"
    return "" if content is None else str(content)


def _merged(content: Any) -> Any:
    """Merge keys (`<<`) put in; a loader that makes nothing but text leaves them as they stand."""
    if isinstance(content, list):
        return [_merged(value) for value in content]
    if not isinstance(content, dict):
        return content
    own = {key: _merged(value) for key, value in content.items() if key != "<<"}
    merges = content.get("<<", [])
    for merge in merges if isinstance(merges, list) else [merges]:
        if not isinstance(merge, dict):
            raise ConfigError(f"<<: expected a mapping, got {merge!r}")
        own = {**_merged(merge), **own}
    return own


class Section:
    """A mapping whose scalars are text. Each method reads one key; `end` refuses those that nothing read.

    Every method raises ConfigError that names the place, the key and what is expected.
    """

    def __init__(self, content: Any, where: str) -> None:
        if content == "":
            content = {}
        if not isinstance(content, dict):
            raise ConfigError(f"{where}: expected keys with values, got {content!r}")
        self.where = where
        self._content: dict[str, Any] = content
        self._read: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def raw(self, key: str) -> Any:
        """What stands there; '' where nothing does."""
        self._read.add(key)
        return self._content.get(key, "")

    def text(self, key: str, default: str = "") -> str:
        """One value."""
        value = self.raw(key)
        if not isinstance(value, str):
            raise self.error(key, f"expected one value, got {value!r}")
        return value or default

    def boolean(self, key: str, default: bool = False) -> bool:
        """`true` or `false`."""
        value = self.text(key, "true" if default else "false")
        if value.lower() not in ("true", "false"):
            raise self.error(key, f"{value!r} is neither true nor false")
        return value.lower() == "true"

    def integer(self, key: str, default: int = 0) -> int:
        """A whole number from 0."""
        value = self.text(key, str(default))
        if not (value.isascii() and value.isdigit()):
            raise self.error(key, f"{value!r} is not a whole number from 0")
        return int(value)

    def duration_ms(self, key: str, default_ms: int = 0) -> int:
        """A duration."""
        return self._parsed(key, duration_ms, default_ms)

    def size_bytes(self, key: str, default_bytes: int = 0) -> int:
        """A size."""
        return self._parsed(key, size_bytes, default_bytes)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of values."""
        values = self.raw(key) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.error(key, f"expected a list of values, got {values!r}")
        return tuple(values)

    def mapping(self, key: str) -> dict[str, str]:
        """Names with one value each."""
        values = self.raw(key) or {}
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise self.error(key, f"expected names with one value each, got {values!r}")
        return values

    def lists(self, key: str) -> dict[str, tuple[str, ...]]:
        """Names with a list of values each."""
        inner = self.section(key)
        return {} if inner is None else {name: inner.texts(name) for name in inner._content}

    def section(self, key: str) -> Section | None:
        """A part of its own; None where the key is missing."""
        return Section(self.raw(key), f"{self.where}: {key}") if key in self._content else None

    def sections(self, key: str) -> list[Section]:
        """A list of parts."""
        parts: Any = [] if self.raw(key) == "" else self.raw(key)
        if not isinstance(parts, list):
            raise self.error(key, f"expected a list, got {parts!r}")
        return [Section(part, f"{self.where}: {key}[{number}]") for number, part in enumerate(parts)]

    def rules(self, key: str) -> tuple[Rule, ...]:
        """Relabel rules."""
        try:
            return rules_of(self.raw(key) or [])
        except ConfigError as error:
            raise self.error(key, str(error)) from None

    def refuse(self, keys: Sequence[str], reason: str) -> None:
        """Raises for the first of `keys` that stands there."""
        for key in keys:
            if key in self._content:
                raise self.error(key, reason)

    def end(self) -> None:
        """Raises for a key that nothing read."""
        for key in self._content:
            if key not in self._read:
                raise self.error(key, f"unknown key, expected {', '.join(sorted(self._read))}")

    def error(self, key: str, reason: str) -> ConfigError:
        """An error at a key, to be raised."""
        return ConfigError(f"{self.where}: {key}: {reason}")

    def _parsed(self, key: str, parse: Any, default: int) -> int:
        value = self.text(key)
        try:
            return int(parse(value)) if value else default
        except ConfigError as error:
            raise self.error(key, str(error)) from None
