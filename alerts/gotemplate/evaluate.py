"""The walk over a template's tree: data and functions in, text out, within a budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from alerts.gotemplate.lexer import TemplateError
from alerts.gotemplate.tree import (
    Action,
    Branch,
    Chain,
    Dot,
    Function,
    Include,
    Jump,
    Literal,
    Node,
    Nodes,
    Operand,
    Pipe,
    Text,
    Tree,
    Variable,
)
from alerts.gotemplate.values import Struct, is_true, show, type_name

Functions: TypeAlias = Mapping[str, Callable[..., Any]]

_STEPS: Final = 100_000
_OUTPUT_CHARACTERS: Final = 1 << 20
_DEEPEST_INCLUDE: Final = 50


def render(tree: Tree, data: Any, functions: Functions, variables: Mapping[str, Any]) -> str:
    """The text of a template. `variables` are known from the start, under names with a dollar sign.

    Raises `TemplateError`, also when the walk or its text grows beyond any use.
    """
    state = _State(tree.defined, functions, [("$", data), *variables.items()])
    try:
        state.walk(tree.nodes, data)
    except RecursionError:
        raise TemplateError("template nests too deep") from None
    return "".join(state.output)


class _JumpOut(Exception):  # noqa: N818 - a jump is no error
    """Leaves the body of a range."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(slots=True)
class _State:
    defined: Mapping[str, Nodes]
    functions: Functions
    variables: list[tuple[str, Any]]
    output: list[str] = field(default_factory=list)
    characters: int = 0
    steps: int = 0
    depth: int = 0

    def walk(self, nodes: Nodes, dot: Any) -> None:
        for node in nodes:
            self.step()
            self.node(node, dot)

    def node(self, node: Node, dot: Any) -> None:
        match node:
            case Text():
                self.write(node.text)
            case Action():
                value = self.pipe(node.pipe, dot)
                if not node.pipe.names:
                    self.write("<no value>" if value is None else show(value))
            case Branch(kind="range"):
                self.range(node, dot)
            case Branch():
                self.branch(node, dot)
            case Jump():
                raise _JumpOut(node.kind)
            case Include():
                self.include(node, dot)

    def branch(self, node: Branch, dot: Any) -> None:
        scope = len(self.variables)
        value = self.pipe(node.pipe, dot)
        if is_true(value):
            self.walk(node.body, value if node.kind == "with" else dot)
        else:
            self.walk(node.otherwise, dot)
        del self.variables[scope:]

    def range(self, node: Branch, dot: Any) -> None:
        scope = len(self.variables)
        names = node.pipe.names
        pairs = _pairs(self.pipe(Pipe(node.pipe.commands), dot))
        for key, value in pairs:
            if names:
                self.bind(names, [value] if len(names) == 1 else [key, value], node.pipe.declares)
            self.step()
            try:
                self.walk(node.body, value)
            except _JumpOut as jump:
                if jump.kind == "break":
                    break
            finally:
                del self.variables[scope:]
        if not pairs:
            self.walk(node.otherwise, dot)

    def include(self, node: Include, dot: Any) -> None:
        nodes = self.defined.get(node.name)
        if nodes is None:
            raise TemplateError(f"template {node.name!r} not defined")
        data = None if node.pipe is None else self.pipe(node.pipe, dot)
        self.depth += 1
        if self.depth > _DEEPEST_INCLUDE:
            raise TemplateError(f"template {node.name!r} includes itself more than {_DEEPEST_INCLUDE} deep")
        outer, self.variables = self.variables, [("$", data)]
        self.walk(nodes, data)
        self.variables = outer
        self.depth -= 1

    def pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = None
        for number, command in enumerate(pipe.commands):
            value = self.command(command, dot, [value] if number else [])
        if pipe.names:
            self.bind(pipe.names, [value], pipe.declares)
        return value

    def command(self, command: Sequence[Operand], dot: Any, final: list[Any]) -> Any:
        self.step()
        first = command[0]
        if not isinstance(first, Function):
            if len(command) > 1 or final:
                raise TemplateError("can't give argument to non-function")
            return self.operand(first, dot)
        if first.name in ("and", "or"):
            return self.until(first.name == "or", command[1:], dot, final)
        arguments = [self.operand(operand, dot) for operand in command[1:]]
        return self.call(first.name, [*arguments, *final])

    def until(self, wanted: bool, operands: Sequence[Operand], dot: Any, final: list[Any]) -> Any:
        """`or` and `and`: the first argument that decides, the later ones unseen."""
        value: Any = None
        for operand in operands:
            value = self.operand(operand, dot)
            if is_true(value) is wanted:
                return value
        return final[0] if final else value

    def call(self, name: str, arguments: list[Any]) -> Any:
        try:
            return self.functions[name](*arguments)
        except TemplateError as error:
            raise TemplateError(f"error calling {name}: {error}") from None
        except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
            raise TemplateError(f"error calling {name}: {error}") from None

    def operand(self, operand: Operand, dot: Any) -> Any:
        match operand:
            case Dot():
                return dot
            case Literal():
                return operand.value
            case Variable():
                return next(value for name, value in reversed(self.variables) if name == operand.name)
            case Function():
                return self.call(operand.name, [])
            case Pipe():
                return self.pipe(operand, dot)
            case Chain():
                value = self.operand(operand.operand, dot)
                for name in operand.fields:
                    value = _field(value, name)
                return value

    def bind(self, names: Sequence[str], values: Sequence[Any], declares: bool) -> None:
        for name, value in zip(names, values, strict=True):
            if declares:
                self.variables.append((name, value))
                continue
            places = [i for i, (known, _) in enumerate(self.variables) if known == name]
            self.variables[places[-1]] = (name, value)

    def write(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > _OUTPUT_CHARACTERS:
            raise TemplateError(f"text is longer than {_OUTPUT_CHARACTERS} characters")
        self.output.append(text)

    def step(self) -> None:
        self.steps += 1
        if self.steps > _STEPS:
            raise TemplateError(f"template takes more than {_STEPS} steps")


def _field(value: Any, name: str) -> Any:
    if isinstance(value, Struct):
        if name not in value.fields:
            raise TemplateError(f"can't evaluate field {name} in type {value.type}")
        return value.fields[name]
    if isinstance(value, dict):
        # A missing key of a map of strings is the empty string (Go's option missingkey=zero).
        return value.get(name, "")
    if value is None:
        raise TemplateError(f"nil data; no entry for key {name!r}")
    raise TemplateError(f"can't evaluate field {name} in type {type_name(value)}")


def _pairs(value: Any) -> Sequence[tuple[Any, Any]]:
    """What a range runs over, as (key, value)."""
    match value:
        case None:
            return []
        case list():
            return list(enumerate(value))
        case dict():
            return sorted(value.items())
        case int() if not isinstance(value, bool):
            return [(i, i) for i in range(min(value, _STEPS + 1))]
    raise TemplateError(f"range can't iterate over {show(value)}")
