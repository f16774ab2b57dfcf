"""Variables put into queries, titles and addresses, written as Grafana writes them.

`$name`, `${name}`, `${name:format}` and `[[name]]`. In PromQL the value of a variable with many values is a
regular expression of alternatives, escaped twice as PromQL's strings need it; one value stands as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import orjson

_PLACE: Final = re.compile(
    r"\$\{(?P<braced>\w+)(?:\.\w+)?(?::(?P<form>[^}]*))?\}|\$(?P<plain>\w+)"
    r"|\[\[(?P<old>\w+)(?::(?P<old_form>\w+))?\]\]"
)
_SPECIAL: Final = re.compile(r"[\\^$.*+?()[\]{}|/]")
ALL: Final = "$__all"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The values of one variable. pattern: what All stands for, in place of every value.

    is_list: whether it may have many values, so that even one is written as a pattern.
    """

    values: tuple[str, ...]
    pattern: str = ""
    is_list: bool = False


def interpolate(text: str, chosen: Mapping[str, Chosen], *, is_query: bool = False) -> str:
    """The text with its variables filled in; what is no variable stays.

    is_query: values are written for PromQL, where a format does not say otherwise.
    """

    def fill(found: re.Match[str]) -> str:
        name = found["braced"] or found["plain"] or found["old"]
        value = chosen.get(name)
        if value is None:
            return found[0]
        return formatted(value, found["form"] or found["old_form"] or ("" if is_query else "csv"))

    return _PLACE.sub(fill, text) if "$" in text or "[[" in text else text


def names_in(text: str) -> list[str]:
    """The names that stand in a text like variables, in order."""
    return [found["braced"] or found["plain"] or found["old"] for found in _PLACE.finditer(text)]


def formatted(value: Chosen, form: str) -> str:
    """A variable's values in one of Grafana's formats; '' is PromQL's, unknown ones are `glob`'s."""
    if value.pattern and form in ("", "regex", "raw", "glob"):
        return value.pattern
    return _FORMATS.get(form, _glob)(value.values) if form else _promql(value)


def _promql(value: Chosen) -> str:
    if not value.is_list:
        return _in_string(value.values[0]) if value.values else ""
    escaped = [_in_string(_SPECIAL.sub(r"\\\g<0>", one)) for one in value.values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _in_string(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _regex(values: Sequence[str]) -> str:
    escaped = [_SPECIAL.sub(r"\\\g<0>", one) for one in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _glob(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else "{" + ",".join(values) + "}"


_FORMATS: Final[Mapping[str, Callable[[Sequence[str]], str]]] = {
    "csv": ",".join,
    "raw": ",".join,
    "text": " + ".join,
    "pipe": "|".join,
    "glob": _glob,
    "regex": _regex,
    "json": lambda values: orjson.dumps(list(values) if len(values) != 1 else values[0]).decode(),
    "percentencode": lambda values: quote(_glob(values), safe=""),
    "queryparam": lambda values: "&".join(quote(one, safe="") for one in values),
    "singlequote": lambda values: ",".join("'" + one.replace("'", "\\'") + "'" for one in values),
    "doublequote": lambda values: ",".join('"' + one.replace('"', '\\"') + '"' for one in values),
    "sqlstring": lambda values: ",".join("'" + one.replace("'", "''") + "'" for one in values),
}
