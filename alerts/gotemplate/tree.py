"""The syntax tree of a template. Immutable; what it evaluates to is in `alerts.gotemplate.evaluator`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Dot:
    """`.`, the value under the cursor."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: str, int, float, bool, or None for `nil`."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`; the name holds the dollar sign, and `$` alone is the data of the template."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """The name of a function."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """`operand.a.b`: fields of what an operand evaluates to."""

    operand: Operand
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipe:
    """Commands joined by `|`. `names` are the variables it sets; `declares` tells `:=` from `=`."""

    commands: tuple[tuple[Operand, ...], ...]
    names: tuple[str, ...] = ()
    declares: bool = False


Operand: TypeAlias = Dot | Literal | Variable | Function | Chain | Pipe


@dataclass(frozen=True, slots=True)
class Text:
    """What stands outside of actions."""

    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """`{{ pipeline }}`."""

    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Branch:
    """`if`, `with` or `range` (the `kind`), its body and what stands behind `else`."""

    kind: str
    pipe: Pipe
    body: Nodes
    otherwise: Nodes


@dataclass(frozen=True, slots=True)
class Jump:
    """`break` or `continue` inside a range."""

    kind: str


@dataclass(frozen=True, slots=True)
class Include:
    """`{{ template "name" pipeline }}`; the pipeline is None where there is none."""

    name: str
    pipe: Pipe | None


Node: TypeAlias = Text | Action | Branch | Jump | Include
Nodes: TypeAlias = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole template: its nodes, and those of the templates that it defines by name."""

    nodes: Nodes
    defined: Mapping[str, Nodes]
