"""The functions that every Go template knows (package text/template)."""

from __future__ import annotations

import html
import operator
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote_plus

from alerts.gotemplate.evaluate import Functions
from alerts.gotemplate.lexer import TemplateError
from alerts.gotemplate.values import is_true, printf, show, type_name


def _basic(value: Any) -> type:
    if isinstance(value, bool | int | float | str):
        return type(value)
    raise TemplateError(f"non-comparable type {type_name(value)}")


def _equal(left: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    for other in others:
        if left is None or other is None:
            if left is other:
                return True
            continue
        if _basic(left) is not _basic(other):
            raise TemplateError("incompatible types for comparison")
        if left == other:
            return True
    return False


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def function(left: Any, right: Any) -> bool:
        if _basic(left) is not _basic(right):
            raise TemplateError("incompatible types for comparison")
        if isinstance(left, bool):
            raise TemplateError("invalid type for comparison")
        return compare(left, right)

    return function


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, "")
        elif isinstance(value, list | str) and isinstance(key, int):
            if not 0 <= key < len(value):
                raise TemplateError(f"index out of range: {key}")
            value = value[key]
        else:
            raise TemplateError(f"can't index item of type {type_name(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    if not isinstance(value, list | str) or any(not 0 <= bound <= len(value) for bound in bounds):
        raise TemplateError("index out of range")
    return value[slice(*bounds)] if len(bounds) > 1 else value[bounds[0] if bounds else 0 :]


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | dict):
        return len(value)
    raise TemplateError(f"len of type {type_name(value)}")


def _print(*values: Any) -> str:
    """Spaces stand between two values when neither is a string."""
    text = ""
    for i, value in enumerate(values):
        if i and not isinstance(value, str) and not isinstance(values[i - 1], str):
            text += " "
        text += show(value)
    return text


def _text(*values: Any) -> str:
    return values[0] if len(values) == 1 and isinstance(values[0], str) else _print(*values)


def _printf(pattern: Any, *values: Any) -> str:
    if not isinstance(pattern, str):
        raise TemplateError(f"wrong type for value; expected string; got {type_name(pattern)}")
    return printf(pattern, values)


def _decided_by_the_walk(*_: Any) -> Any:
    raise TemplateError("needs an argument")


BUILTINS: Final[Functions] = {
    "and": _decided_by_the_walk,
    "or": _decided_by_the_walk,
    "not": lambda value: not is_true(value),
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "lt": _ordered(operator.lt),
    "le": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "ge": _ordered(operator.ge),
    "index": _index,
    "slice": _slice,
    "len": _length,
    "print": _print,
    "printf": _printf,
    "println": lambda *values: " ".join(show(value) for value in values) + "\n",
    "html": lambda *values: html.escape(_text(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "urlquery": lambda *values: quote_plus(_text(*values)),
}
