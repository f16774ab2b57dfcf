"""Rules that rewrite labels, with the semantics of Prometheus 3 (its `model/relabel` package)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from storage.errors import ConfigError, InputError
from storage.patterns import compile_regex, expand

DEFAULT_SEPARATOR: Final = ";"
DEFAULT_REGEX: Final = "(.*)"
DEFAULT_REPLACEMENT: Final = "$1"
_WHOLE: Final = frozenset({"$1", "${1}"})
_REMEMBERED_CHARS: Final = 256


class Action(StrEnum):
    """What a rule does; the value is Prometheus's own spelling."""

    REPLACE = "replace"
    KEEP = "keep"
    DROP = "drop"
    KEEP_EQUAL = "keepequal"
    DROP_EQUAL = "dropequal"
    HASH_MOD = "hashmod"
    LABEL_MAP = "labelmap"
    LABEL_DROP = "labeldrop"
    LABEL_KEEP = "labelkeep"
    LOWERCASE = "lowercase"
    UPPERCASE = "uppercase"


_WITH_TARGET: Final = frozenset(
    {
        Action.REPLACE,
        Action.HASH_MOD,
        Action.LOWERCASE,
        Action.UPPERCASE,
        Action.KEEP_EQUAL,
        Action.DROP_EQUAL,
    }
)
_WITHOUT_REPLACEMENT: Final = _WITH_TARGET - {Action.REPLACE, Action.HASH_MOD}
_ONLY: Final = {
    Action.KEEP_EQUAL: frozenset({"source_labels", "target_label"}),
    Action.DROP_EQUAL: frozenset({"source_labels", "target_label"}),
    Action.LABEL_DROP: frozenset({"regex"}),
    Action.LABEL_KEEP: frozenset({"regex"}),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Its regular expression is RE2 and anchored at both ends; `pattern` is it, compiled.

    copies: the rule takes its value as it is, which needs no expression.

    Raises `ConfigError` where the fields do not make a rule, for the reasons that Prometheus gives.
    """

    action: Action = Action.REPLACE
    source_labels: tuple[str, ...] = ()
    separator: str = DEFAULT_SEPARATOR
    regex: str = DEFAULT_REGEX
    modulus: int = 0
    target_label: str = ""
    replacement: str = DEFAULT_REPLACEMENT
    pattern: Any = field(init=False, repr=False, compare=False)
    copies: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        action = self.action.value
        try:
            object.__setattr__(self, "pattern", compile_regex(self.regex, captures=True))
        except InputError as error:
            raise ConfigError(f"regex: {error}") from None
        is_usual = self.regex == DEFAULT_REGEX and self.replacement in _WHOLE
        object.__setattr__(self, "copies", is_usual and "$" not in self.target_label)
        if self.action is Action.HASH_MOD and not 0 < self.modulus < 1 << 64:
            raise ConfigError(f"modulus: action {action} needs one from 1 to 2^64-1, got {self.modulus}")
        if self.action in _WITH_TARGET and not self.target_label:
            raise ConfigError(f"target_label: action {action} needs one")
        if self.action in _WITHOUT_REPLACEMENT and self.replacement != DEFAULT_REPLACEMENT:
            raise ConfigError(f"replacement: action {action} takes none, got {self.replacement!r}")
        if self.action is Action.LABEL_MAP and not self.replacement:
            raise ConfigError("replacement: action labelmap needs the new label's name")
        self._check_unused()

    def _check_unused(self) -> None:
        """Some actions refuse what they would not look at."""
        given = {
            "source_labels": bool(self.source_labels),
            "target_label": bool(self.target_label),
            "regex": self.regex != DEFAULT_REGEX,
            "modulus": bool(self.modulus),
            "separator": self.separator != DEFAULT_SEPARATOR,
            "replacement": self.replacement != DEFAULT_REPLACEMENT,
        }
        known = _ONLY.get(self.action, given.keys())
        for name, is_given in given.items():
            if is_given and name not in known:
                expected = " and ".join(sorted(known))
                raise ConfigError(f"{name}: action {self.action.value} takes only {expected}")


def relabel(rules: Iterable[Rule], labels: Mapping[str, str]) -> dict[str, str] | None:
    """Labels as the rules leave them, none of them empty; None where a rule drops the series."""
    changing = _Labels(labels)
    for rule in rules:
        value = rule.separator.join(changing.get(name) for name in rule.source_labels)
        if not _ACTIONS[rule.action](rule, changing, value):
            return None
    return dict(changing.pairs())


class _Labels:
    """Labels that change, in the order in which Prometheus visits them: what came, by name, then the set."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._came = {name: value for name, value in sorted(labels.items()) if value}
        self._set: dict[str, str] = {}

    def get(self, name: str) -> str:
        return self._set.get(name) or self._came.get(name, "")

    def set(self, name: str, value: str) -> None:
        self._came.pop(name, None)
        if value:
            self._set[name] = value
        else:
            self._set.pop(name, None)

    def pairs(self) -> Sequence[tuple[str, str]]:
        return [*self._came.items(), *self._set.items()]

    def drop(self, is_dropped: Callable[[str], bool]) -> None:
        for name, _ in self.pairs():
            if is_dropped(name):
                self.set(name, "")


def _matches(rule: Rule, text: str) -> bool:
    """Names of labels and metrics come again with every series, so their answers are kept."""
    if len(text) > _REMEMBERED_CHARS:
        return compile_regex(rule.regex).fullmatch(text.encode()) is not None
    return _remembered(rule.regex, text)


@lru_cache(maxsize=16_384)
def _remembered(regex: str, text: str) -> bool:
    return compile_regex(regex).fullmatch(text.encode()) is not None


def _replace(rule: Rule, labels: _Labels, value: str) -> bool:
    if rule.copies:
        labels.set(rule.target_label, value)
        return True
    match = rule.pattern.fullmatch(value)
    if match is not None:
        target = expand(rule.target_label, match)
        if target:
            labels.set(target, expand(rule.replacement, match))
    return True


def _hash_mod(rule: Rule, labels: _Labels, value: str) -> bool:
    # Prometheus once took 64 bits of the hash and has kept to them: they are the last eight bytes.
    digest = hashlib.md5(value.encode(), usedforsecurity=False).digest()
    labels.set(rule.target_label, str(int.from_bytes(digest[8:], "big") % rule.modulus))
    return True


def _label_map(rule: Rule, labels: _Labels, _: str) -> bool:
    for name, value in labels.pairs():
        if _matches(rule, name):
            labels.set(expand(rule.replacement, rule.pattern.fullmatch(name)), value)
    return True


def _label_drop(rule: Rule, labels: _Labels, _: str) -> bool:
    labels.drop(lambda name: _matches(rule, name))
    return True


def _label_keep(rule: Rule, labels: _Labels, _: str) -> bool:
    labels.drop(lambda name: not _matches(rule, name))
    return True


def _lowercase(rule: Rule, labels: _Labels, value: str) -> bool:
    labels.set(rule.target_label, "".join(letter.lower()[0] for letter in value))
    return True


def _uppercase(rule: Rule, labels: _Labels, value: str) -> bool:
    labels.set(rule.target_label, "".join(map(_upper, value)))
    return True


def _upper(letter: str) -> str:
    """One letter for one, as Go maps them: what has no single capital stays."""
    for other in (letter.upper(), letter.title()):
        if len(other) == 1:
            return other
    return letter


_ACTIONS: Final[Mapping[Action, Callable[[Rule, _Labels, str], bool]]] = {
    Action.REPLACE: _replace,
    Action.KEEP: lambda rule, _, value: _matches(rule, value),
    Action.DROP: lambda rule, _, value: not _matches(rule, value),
    Action.KEEP_EQUAL: lambda rule, labels, value: labels.get(rule.target_label) == value,
    Action.DROP_EQUAL: lambda rule, labels, value: labels.get(rule.target_label) != value,
    Action.HASH_MOD: _hash_mod,
    Action.LABEL_MAP: _label_map,
    Action.LABEL_DROP: _label_drop,
    Action.LABEL_KEEP: _label_keep,
    Action.LOWERCASE: _lowercase,
    Action.UPPERCASE: _uppercase,
}
"""(rule, labels, joined source labels) -> whether the series stays."""
