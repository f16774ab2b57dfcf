"""Careful reading of JSON that others wrote: a value of another type than expected counts as absent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Object = Mapping[str, Any]

_SPAN: Final = re.compile(r"\d+(ms|s|m|h|d|w|M|y)")


def text(content: Object, key: str, default: str = "") -> str:
    """A text; numbers count as one."""
    value = content.get(key)
    if isinstance(value, bool) or value is None:
        return default
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else default


def number(content: Object, key: str) -> float | None:
    """A finite number, which may be written as a text."""
    value = content.get(key)
    if isinstance(value, bool):
        return None
    try:
        found = float(value)  # type: ignore[arg-type] # what is no number is told by the exceptions
    except (TypeError, ValueError):
        return None
    return found if abs(found) < float("inf") else None


def whole(content: Object, key: str, default: int) -> int:
    """A whole number."""
    found = number(content, key)
    return default if found is None else int(found)


def flag(content: Object, key: str, default: bool = False) -> bool:
    """True or false."""
    value = content.get(key)
    return value if isinstance(value, bool) else default


def inner(content: Object, *keys: str) -> Object:
    """The object below some keys, empty where it is not there."""
    for key in keys:
        value = content.get(key)
        content = value if isinstance(value, Mapping) else {}
    return content


def items(content: Object, key: str) -> Iterator[Object]:
    """The objects of a list."""
    value = content.get(key)
    if isinstance(value, Sequence) and not isinstance(value, str):
        yield from (one for one in value if isinstance(one, Mapping))


def texts(value: Any) -> list[str]:
    """A list of texts, of one where it is a text itself."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Sequence):
        return [str(one) for one in value if isinstance(one, str | int | float) and not isinstance(one, bool)]
    return []


def span(content: Object, key: str) -> str:
    """A duration as `30s`; '' where it is none, `>30s` counts as `30s`."""
    found = text(content, key).strip().removeprefix(">").strip()
    return found if _SPAN.fullmatch(found) else ""
