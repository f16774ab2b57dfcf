"""YAML documents of the operator's, read strictly: every error is a `ConfigError` that names its place."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from query.durations import parse_duration_ms
from storage.errors import ConfigError, InputError


def read(path: Path) -> Any:
    """The document of a file. Raises `ConfigError` where it is absent, not YAML or repeats a key."""
    return _read(path, _StrictLoader)


def read_texts(path: Path) -> Any:
    """The same with every number, date and truth value as the text that was written: `0x10` is no 16."""
    return _read(path, _TextLoader)


def _read(path: Path, loader: type[_StrictLoader]) -> Any:
    try:
        # The loader is a SafeLoader: it makes plain values only.
        return yaml.load(path.read_text(encoding="utf-8"), loader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8: {error.reason} at byte {error.start}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from None


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of a document and its place, as errors name it."""

    place: str
    content: Mapping[str, Any]

    @staticmethod
    def of(place: str, value: Any, keys: Iterable[str]) -> Section:
        """Check that `value` is a mapping of no keys but `keys`."""
        if not isinstance(value, dict):
            raise ConfigError(f"{place}: holds {_kind(value)}, expected a mapping")
        allowed = list(keys)
        for key in value:
            if key not in allowed:
                raise ConfigError(f"{place}: unknown key {key!r}, expected one of {', '.join(allowed)}")
        return Section(place, value)

    def error(self, key: str, message: str) -> ConfigError:
        """An error at one key of this mapping."""
        return ConfigError(f"{self.place}, {key}: {message}")

    def text(self, key: str, default: str | None = None) -> str:
        """A string; a number stands for itself. Required and not empty when there is no default."""
        value = self.content.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool | int | float):
            value = str(value)
        if not isinstance(value, str):
            raise self.error(key, f"holds {_kind(value)}, expected text")
        if default is None and not value.strip():
            raise self.error(key, "is empty, expected text")
        return value

    def whole(self, key: str, default: int) -> int:
        """A whole number of at least 0."""
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.error(key, f"is {value!r}, expected a whole number of at least 0")
        return value

    def duration_ms(self, key: str, default: int) -> int:
        """A duration such as `1h30m`, in milliseconds."""
        if self.content.get(key) is None:
            return default
        try:
            return parse_duration_ms(self.text(key))
        except InputError as error:
            raise self.error(key, str(error)) from None

    def strings(self, key: str) -> dict[str, str]:
        """A mapping of text to text, empty when absent."""
        value = self.content.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.error(key, f"holds {_kind(value)}, expected a mapping")
        inner = Section(f"{self.place}, {key}", {str(name): text for name, text in value.items()})
        return {name: inner.text(name, "") for name in inner.content}

    def items(self, key: str) -> list[Any]:
        """A list, empty when absent."""
        value = self.content.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, f"holds {_kind(value)}, expected a list")
        return value


class _StrictLoader(yaml.SafeLoader):
    """Refuses a mapping that names a key twice, of which YAML would silently drop one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep)


class _TextLoader(_StrictLoader):
    """Knows of plain scalars only null and the merge key."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the loader's base declares it without ClassVar
        first: [one for one in known if one[0].endswith((":null", ":merge"))]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
