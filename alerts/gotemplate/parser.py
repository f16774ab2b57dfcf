"""Tokens to the tree of a template, by recursive descent."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from alerts.gotemplate.lexer import TemplateError, Token, tokens
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

_BLOCKS: Final = ("if", "with", "range")
_CONSTANTS: Final[dict[str, bool | None]] = {"true": True, "false": False, "nil": None}
_DEEPEST: Final = 50


def parse_template(text: str, functions: Collection[str], variables: Collection[str] = ()) -> Tree:
    """The tree of a template that may use `functions` and, from the start, `variables` (with their `$`).

    Raises `TemplateError` with a line.
    """
    parser = _Parser(list(tokens(text)), functions, ["$", *variables])
    nodes, end = parser.nodes(())
    if end:
        raise parser.error(f"unexpected {{{{{end}}}}}")
    return Tree(nodes, parser.defined)


@dataclass(slots=True)
class _Parser:
    tokens: list[Token]
    functions: Collection[str]
    variables: list[str]
    at: int = 0
    depth: int = 0
    loops: int = 0
    defined: dict[str, Nodes] = field(default_factory=dict)

    def error(self, message: str) -> TemplateError:
        line = self.tokens[min(self.at, len(self.tokens) - 1)].line if self.tokens else 1
        return TemplateError(f"line {line}: {message}")

    def nodes(self, ends: Collection[str]) -> tuple[Nodes, str]:
        """Nodes up to an action that begins with one of `ends`, whose word is taken; '' at the end."""
        found: list[Node] = []
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.kind == "text":
                found.append(Text(token.text))
                continue
            self.space()
            word = self.peek()
            if word.kind == "word" and word.text in ("end", "else"):
                if word.text not in ends:
                    raise self.error(f"unexpected {{{{{word.text}}}}}")
                self.at += 1
                return tuple(found), word.text
            node = self.action(word)
            if node is not None:
                found.append(node)
        if ends:
            raise self.error("unexpected EOF, expected {{end}}")
        return tuple(found), ""

    def action(self, word: Token) -> Node | None:
        if word.kind != "word":
            return Action(self.pipeline(("close",)))
        if word.text in _BLOCKS:
            self.at += 1
            return self.branch(word.text)
        if word.text in ("break", "continue"):
            self.at += 1
            if not self.loops:
                raise self.error(f"{{{{{word.text}}}}} outside {{{{range}}}}")
            self.close()
            return Jump(word.text)
        if word.text in ("define", "block"):
            self.at += 1
            return self.define(word.text)
        if word.text == "template":
            self.at += 1
            name = self.name()
            return Include(name, None if self.closes() else self.pipeline(("close",)))
        return Action(self.pipeline(("close",)))

    def branch(self, kind: str) -> Branch:
        self.enter()
        scope = len(self.variables)
        pipe = self.pipeline(("close",), most=2 if kind == "range" else 1)
        self.loops += kind == "range"
        body, end = self.nodes(("end", "else"))
        self.loops -= kind == "range"
        otherwise: Nodes = ()
        if end == "else":
            otherwise = self.otherwise(kind)
        else:
            self.close()
        del self.variables[scope:]
        self.depth -= 1
        return Branch(kind, pipe, body, otherwise)

    def otherwise(self, kind: str) -> Nodes:
        """What stands behind `else`, up to `end`; `else if` and `else with` share one `end`."""
        self.space()
        word = self.peek()
        if word.kind == "word" and word.text == kind and kind != "range":
            self.at += 1
            return (self.branch(kind),)
        self.close()
        nodes, _ = self.nodes(("end",))
        self.close()
        return nodes

    def define(self, kind: str) -> Include | None:
        self.enter()
        name = self.name()
        pipe = self.pipeline(("close",)) if kind == "block" else None
        if pipe is None:
            self.close()
        outer, self.variables, loops, self.loops = self.variables, ["$"], self.loops, 0
        self.defined[name], _ = self.nodes(("end",))
        self.close()
        self.variables, self.loops = outer, loops
        self.depth -= 1
        return Include(name, pipe) if kind == "block" else None

    def pipeline(self, ends: Collection[str], most: int = 1) -> Pipe:
        """A pipeline up to a token of kind or text in `ends`, which is taken."""
        names, declares = self.targets(most)
        commands: list[tuple[Operand, ...]] = []
        while True:
            command, end = self.command(ends)
            if commands and not isinstance(command[0], Function | Chain | Variable):
                raise self.error(f"non executable command in pipeline stage {len(commands) + 1}")
            commands.append(command)
            if end != "|":
                break
        if declares:
            self.variables.extend(names)
        return Pipe(tuple(commands), names, declares)

    def targets(self, most: int) -> tuple[tuple[str, ...], bool]:
        """The variables before `:=` or `=`; none when the pipeline sets none."""
        start, names = self.at, list[str]()
        self.space()
        while self.at < len(self.tokens) and self.peek().kind == "variable":
            names.append(self.peek().text)
            self.at += 1
            self.space()
            sign = self.peek()
            self.at += 1
            if sign.text == "," and len(names) < most:
                self.space()
                continue
            if sign.text == "=" and any(name not in self.variables for name in names):
                raise self.error(f"undefined variable {names[-1]!r}")
            if sign.text in (":=", "="):
                return tuple(names), sign.text == ":="
            break
        self.at = start
        return (), False

    def command(self, ends: Collection[str]) -> tuple[tuple[Operand, ...], str]:
        found: list[Operand] = []
        while True:
            spaced = self.space() or not found
            token = self.peek()
            if token.kind in ends or token.text in ends or token.text == "|":
                self.at += 1
                if not found:
                    raise self.error("missing value for command")
                return tuple(found), token.text if token.text == "|" else ""
            if not spaced:
                raise self.error(f"unexpected {token.text!r} in operand")
            found.append(self.operand())

    def operand(self) -> Operand:
        base = self.term()
        fields: list[str] = []
        while self.at < len(self.tokens) and self.peek().kind == "field":
            fields.append(self.peek().text[1:])
            self.at += 1
        if not fields:
            return base
        if isinstance(base, Literal):
            raise self.error(f"unexpected .{fields[0]} after a constant")
        return Chain(base, tuple(fields))

    def term(self) -> Operand:
        token = self.peek()
        if token.kind == "field":
            return Dot()
        self.at += 1
        match token.kind:
            case "variable":
                if token.text not in self.variables:
                    raise self.error(f"undefined variable {token.text!r}")
                return Variable(token.text)
            case "word":
                return self.word(token.text)
            case "string" | "raw" | "char" | "number":
                return Literal(self.constant(token))
            case "sign" if token.text == ".":
                return Dot()
            case "sign" if token.text == "(":
                self.enter()
                pipe = self.pipeline((")",))
                self.depth -= 1
                return pipe
        raise self.error(f"unexpected {token.text!r} in operand")

    def word(self, text: str) -> Operand:
        if text in _CONSTANTS:
            return Literal(_CONSTANTS[text])
        if text not in self.functions:
            raise self.error(f"function {text!r} not defined")
        return Function(text)

    def constant(self, token: Token) -> str | int | float:
        text = token.text
        if token.kind == "raw":
            return text[1:-1]
        try:
            value: str | int | float = _number(text) if token.kind == "number" else ast.literal_eval(text)
        except (ValueError, SyntaxError):
            raise self.error(f"bad constant {text}") from None
        return ord(str(value)) if token.kind == "char" else value

    def name(self) -> str:
        self.space()
        token = self.peek()
        if token.kind not in ("string", "raw"):
            raise self.error(f"unexpected {token.text!r}, expected the name of a template in quotes")
        self.at += 1
        return str(self.constant(token))

    def close(self) -> None:
        if not self.closes():
            raise self.error(f"unexpected {self.peek().text!r}, expected }}}}")

    def closes(self) -> bool:
        self.space()
        if self.peek().kind != "close":
            return False
        self.at += 1
        return True

    def space(self) -> bool:
        if self.peek().kind != "space":
            return False
        self.at += 1
        return True

    def peek(self) -> Token:
        if self.at >= len(self.tokens):
            raise self.error("unexpected EOF")
        return self.tokens[self.at]

    def enter(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error(f"nested more than {_DEEPEST} deep")


def _number(text: str) -> int | float:
    try:
        return int(text, 0)
    except ValueError:
        return float(text)
