"""label_replace, label_join and the orders by label: work on distinct values, then on codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

import numpy as np

from query.block import Block
from storage.errors import ExecutionError, InputError
from storage.labels import LabelColumn, LabelTable
from storage.model import METRIC_NAME, BoolArray, Int64Array
from storage.patterns import compile_regex, expand

LabelCheck: TypeAlias = Callable[[int], None]
"""Told of how many characters values are made; raises when it is time to stop, or when they are too many."""

_DIGITS: Final = re.compile(r"(\d+)")


def replace_label(
    block: Block, target: str, replacement: str, source: str, pattern: str, check: LabelCheck
) -> Block:
    """label_replace: where all of `source` matches, `target` becomes the expanded `replacement`.

    Raises `ExecutionError` for a label name or a pattern that is not one.
    """
    _require_name(target, "destination", "label_replace")
    try:
        compiled = compile_regex(pattern, captures=True)
    except InputError:
        raise ExecutionError(f"invalid regular expression in label_replace(): {pattern}") from None
    labels = block.labels
    sources = labels.columns.get(source) or LabelColumn(np.zeros(labels.size, np.int32), [""])
    targets = labels.columns.get(target) or LabelColumn(np.zeros(labels.size, np.int32), [""])
    index = {value: code for code, value in enumerate(targets.values)}
    new_codes, size = np.full(len(sources.values), -1, np.int32), 0
    for code in np.unique(sources.codes).tolist():
        check(size)
        match = compiled.fullmatch(sources.values[code])
        if match is not None:
            value = expand(replacement, match)
            size += len(value)
            new_codes[code] = index.setdefault(value, len(index))
    replaced = new_codes[sources.codes]
    column = LabelColumn(np.where(replaced >= 0, replaced, targets.codes).astype(np.int32), list(index))
    return _relabelled(block, target, labels.with_column(target, column), replaced >= 0)


def join_labels(
    block: Block, target: str, separator: str, sources: Sequence[str], check: LabelCheck
) -> Block:
    """label_join: `target` becomes the values of `sources`, joined.

    Raises `ExecutionError` for a label name that is not one.
    """
    _require_name(target, "destination", "label_join")
    for source in sources:
        _require_name(source, "source", "label_join")
    groups = block.labels.keep(sources).group()
    columns = [block.labels.take(groups.first).values(source) for source in sources]
    check(sum(len(value) + len(separator) for column in columns for value in column))
    texts = [separator.join(row) for row in zip(*columns, strict=True)] if sources else [""] * len(groups)
    index: dict[str, int] = {"": 0}
    codes = np.fromiter((index.setdefault(text, len(index)) for text in texts), np.int32, len(texts))
    column = LabelColumn(codes[groups.ids], list(index))
    every = np.ones(block.labels.size, np.bool_)
    return _relabelled(block, target, block.labels.with_column(target, column), every)


def _relabelled(block: Block, target: str, labels: LabelTable, changed: BoolArray) -> Block:
    """The block under other labels; a name that was given on purpose stays."""
    drops = block.drops_name
    if drops is not None and target == METRIC_NAME:
        drops = drops & ~changed
    return replace(block, labels=labels, drops_name=drops)


def order_by_labels(labels: LabelTable, names: Sequence[str], is_descending: bool) -> Int64Array:
    """Rows in the natural order of the values of `names`, then of all labels; int64 (series,)."""
    columns = [labels.values(name) for name in names]
    rows = labels.rows()
    keys = [
        (*(_natural(column[i]) for column in columns), tuple(rows[i].items())) for i in range(labels.size)
    ]
    return np.array(sorted(range(labels.size), key=keys.__getitem__, reverse=is_descending), np.int64)


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """A key under which `a10` comes after `a9`: numbers before letters, and by their value."""
    parts = _DIGITS.split(text)
    return tuple((0, int(part), part) if part.isdigit() else (1, 0, part) for part in parts if part)


def _require_name(name: str, role: str, function: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ExecutionError(f"invalid {role} label name in {function}(): {name!r}") from None
    if not name:
        raise ExecutionError(f"invalid {role} label name in {function}(): ")
