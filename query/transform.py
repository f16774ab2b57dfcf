"""The functions that look at one step at a time: a row each in `TRANSFORMS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from query.annotations import Annotations
from query.ast import Call, Expr, MatrixSelector, Paren, VectorSelector
from query.block import Block, ScalarBlock, StringValue, Value
from query.dates import DATE_FIELDS
from query.histogram import both
from query.label_functions import LabelCheck, join_labels, order_by_labels, replace_label
from query.native.functions import measured
from query.times import Times
from storage.catalogue import value_test
from storage.labels import LabelTable
from storage.model import METRIC_NAME, Float64Array, Int64Array, Matcher, MatchOp


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What a function may know beside its arguments; `check` is `LabelCheck`."""

    times: Times
    notes: Annotations
    check: LabelCheck

    @property
    def steps_ms(self) -> Int64Array:
        """int64 (steps,)."""
        return self.times.steps_ms()


_LARGE: Final = 21.0

Transform: TypeAlias = Callable[[Call, Sequence[Value], Context], Value]


def _block(value: Value) -> Block:
    assert isinstance(value, Block)
    return value


def _scalar(value: Value) -> Float64Array:
    assert isinstance(value, ScalarBlock)
    return value.values


def _text(value: Value) -> str:
    assert isinstance(value, StringValue)
    return value.value


def _renamed(block: Block, values: Float64Array) -> Block:
    return Block(block.labels, values, block.present).nameless()


def _label_less(values: Float64Array) -> Block:
    return Block(LabelTable({}, 1), values[None, :], np.ones((1, len(values)), np.bool_))


def _each(function: Callable[[Float64Array], Float64Array]) -> Transform:
    def run(call: Call, args: Sequence[Value], context: Context) -> Value:
        block = _block(args[0])
        with np.errstate(all="ignore"):
            return _renamed(block, function(block.values))

    return run


def _date(field: Callable[[Float64Array], Float64Array]) -> Transform:
    def run(call: Call, args: Sequence[Value], context: Context) -> Value:
        block = _block(args[0]) if args else _label_less(context.steps_ms / 1000)
        return _renamed(block, field(block.values))

    return run


def _extreme(pick: np.ufunc, end: float, values: Float64Array, bound: Float64Array) -> Float64Array:
    """The smaller or larger of two; NaN wins over numbers, and `end`, that side's infinity, over NaN."""
    found: Float64Array = np.where((values == end) | (bound == end), end, pick(values, bound))
    return found


def _clamp(low: int | None, high: int | None) -> Transform:
    """`low` and `high` are the places of the bounds among the arguments."""

    def run(call: Call, args: Sequence[Value], context: Context) -> Value:
        block = _block(args[0])
        values, present = block.values, block.present
        if high is not None:
            values = _extreme(np.minimum, -np.inf, values, _scalar(args[high]))
        if low is not None:
            values = _extreme(np.maximum, np.inf, values, _scalar(args[low]))
        if low is not None and high is not None:
            present = present & ~(_scalar(args[low]) > _scalar(args[high]))
        return Block(block.labels, values, present).nameless()

    return run


def _round(call: Call, args: Sequence[Value], context: Context) -> Value:
    block = _block(args[0])
    with np.errstate(all="ignore"):
        # The inverse keeps results such as 0.3 exact (Prometheus, funcRound).
        inverse = 1.0 / _scalar(args[1]) if len(args) > 1 else np.ones(block.values.shape[1])
        return _renamed(block, np.floor(block.values * inverse + 0.5) / inverse)


def _to_scalar(call: Call, args: Sequence[Value], context: Context) -> Value:
    block = _block(args[0])
    alone = block.present.sum(axis=0) == 1
    if not block.labels.size:
        return ScalarBlock(np.full(block.values.shape[1], np.nan))
    values = block.values[block.present.argmax(axis=0), np.arange(block.values.shape[1])]
    return ScalarBlock(np.where(alone, values, np.nan))


def _vector(call: Call, args: Sequence[Value], context: Context) -> Value:
    return _label_less(_scalar(args[0]))


def _time(call: Call, args: Sequence[Value], context: Context) -> Value:
    return ScalarBlock(context.steps_ms / 1000)


def _constant(read: Callable[[Context], float]) -> Transform:
    def run(call: Call, args: Sequence[Value], context: Context) -> Value:
        return ScalarBlock(np.full(len(context.steps_ms), read(context)))

    return run


def _of_two(function: Callable[[Float64Array, Float64Array], Float64Array]) -> Transform:
    def run(call: Call, args: Sequence[Value], context: Context) -> Value:
        return ScalarBlock(function(_scalar(args[0]), _scalar(args[1])))

    return run


def _timestamp(call: Call, args: Sequence[Value], context: Context) -> Value:
    block = _block(args[0])
    return _renamed(block, np.broadcast_to(context.steps_ms / 1000, block.values.shape))


def _absent(call: Call, args: Sequence[Value], context: Context) -> Value:
    block = _block(args[0])
    gone = np.logical_not(block.present.any(axis=0, keepdims=True))
    return Block(_absent_labels(call.args[0]), np.ones(gone.shape), gone)


def _absent_labels(expr: Expr) -> LabelTable:
    """Labels that the selector asks to equal one value, which the absent series would have had."""
    while isinstance(expr, Paren):
        expr = expr.expr
    selector = expr.selector if isinstance(expr, MatrixSelector) else expr
    if not isinstance(selector, VectorSelector):
        return LabelTable({}, 1)
    labels: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in _subtracting_last(selector.matchers):
        if matcher.name == METRIC_NAME:
            continue
        if matcher.op is MatchOp.EQUAL and matcher.name not in seen:
            labels[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            labels.pop(matcher.name, None)
    return LabelTable.from_rows([{name: value for name, value in labels.items() if value}])


def _is_range(call: Call, context: Context) -> bool:
    """Whether there are many steps, of which each would have its own order; a warning says so."""
    if context.times.count == 1:
        return False
    context.notes.warn(
        "sort is ineffective for range queries since results are always ordered by labels", call.span
    )
    return True


def _subtracting_last(matchers: Sequence[Matcher]) -> list[Matcher]:
    """The order that Prometheus gives matchers when it looks series up, and in which it then finds them."""

    def subtracts(matcher: Matcher) -> bool:
        is_negative = matcher.op in (MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX)
        return (is_negative and value_test(matcher)("")) or not is_set(matcher.name)

    def is_set(name: str) -> bool:
        return any(one.name == name and not value_test(one)("") for one in matchers)

    return sorted(matchers, key=subtracts)


def _sort(is_descending: bool) -> Transform:
    """By value in an instant query, NaN last; a range answers in the order of labels anyway."""

    def run(call: Call, args: Sequence[Value], context: Context) -> Value:
        block = _block(args[0])
        if _is_range(call, context):
            return block
        keys = -block.values[:, 0] if is_descending else block.values[:, 0]
        return block.take(np.argsort(keys, kind="stable"))

    return run


def _sort_by_label(is_descending: bool) -> Transform:
    def run(call: Call, args: Sequence[Value], context: Context) -> Value:
        block = _block(args[0])
        if _is_range(call, context):
            return block
        names = [_text(arg) for arg in args[1:]]
        return block.take(order_by_labels(block.labels, names, is_descending))

    return run


def _label_replace(call: Call, args: Sequence[Value], context: Context) -> Value:
    target, replacement, source, pattern = (_text(arg) for arg in args[1:])
    return replace_label(_block(args[0]), target, replacement, source, pattern, context.check)


def _label_join(call: Call, args: Sequence[Value], context: Context) -> Value:
    target, separator, *sources = (_text(arg) for arg in args[1:])
    return join_labels(_block(args[0]), target, separator, sources, context.check)


def _histogram_quantile(call: Call, args: Sequence[Value], context: Context) -> Value:
    return both.quantile(_scalar(args[0]), call.args[0].span, _block(args[1]), call.args[1], context.notes)


def _histogram_quantiles(call: Call, args: Sequence[Value], context: Context) -> Value:
    phis = [(_scalar(value), arg.span) for value, arg in zip(args[2:], call.args[2:], strict=True)]
    return both.quantiles(_text(args[1]), phis, _block(args[0]), call.args[0], context.notes)


def _histogram_fraction(call: Call, args: Sequence[Value], context: Context) -> Value:
    return both.fraction(_scalar(args[0]), _scalar(args[1]), _block(args[2]), call.args[2], context.notes)


def _measured(call: Call, args: Sequence[Value], context: Context) -> Value:
    return measured(call.name, _block(args[0])).nameless()


def _nothing(call: Call, args: Sequence[Value], context: Context) -> Value:
    """start_timestamp() of what is no selector: computed values have no start."""
    block = _block(args[0])
    return block.where(np.zeros(block.present.shape, np.bool_))


def _sinh(values: Float64Array) -> Float64Array:
    found: Float64Array = np.where(
        np.abs(values) > _LARGE, np.sign(values) * _half_exp(values), np.sinh(values)
    )
    return found


def _cosh(values: Float64Array) -> Float64Array:
    found: Float64Array = np.where(np.abs(values) > _LARGE, _half_exp(values), np.cosh(values))
    return found


def _half_exp(values: Float64Array) -> Float64Array:
    """What Go takes for sinh and cosh of large numbers; it is infinite a little earlier than those."""
    return np.exp(np.abs(values)) * 0.5


_MATH: Final[Mapping[str, Callable[[Float64Array], Float64Array]]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": _cosh,
    "deg": np.degrees,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": np.radians,
    "sgn": np.sign,
    "sin": np.sin,
    "sinh": _sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
_OF_NATIVE: Final = tuple(f"histogram_{what}" for what in ("avg", "count", "stddev", "stdvar", "sum"))

TAKES_HISTOGRAMS: Final = frozenset(
    (
        *_OF_NATIVE,
        *("absent", "absent_over_time", "info", "label_join", "label_replace", "sort_by_label"),
        *("histogram_fraction", "histogram_quantile", "histogram_quantiles"),
        *("sort_by_label_desc", "start_timestamp", "timestamp"),
    )
)
"""The functions that see native histograms; all others see floats alone."""

TRANSFORMS: Final[Mapping[str, Transform]] = {
    **{name: _each(function) for name, function in _MATH.items()},
    **{name: _date(field) for name, field in DATE_FIELDS.items()},
    **dict.fromkeys(_OF_NATIVE, _measured),
    "start_timestamp": _nothing,
    "clamp": _clamp(1, 2),
    "clamp_max": _clamp(None, 1),
    "clamp_min": _clamp(1, None),
    "round": _round,
    "scalar": _to_scalar,
    "vector": _vector,
    "time": _time,
    "pi": _constant(lambda context: np.pi),
    "start": _constant(lambda context: context.times.query_start_ms / 1000),
    "end": _constant(lambda context: context.times.query_end_ms / 1000),
    "range": _constant(lambda context: (context.times.query_end_ms - context.times.query_start_ms) / 1000),
    "step": _constant(lambda context: context.times.step_ms / 1000),
    "max_of": _of_two(np.maximum),
    "min_of": _of_two(np.minimum),
    "timestamp": _timestamp,
    "absent": _absent,
    "absent_over_time": _absent,
    "sort": _sort(False),
    "sort_desc": _sort(True),
    "sort_by_label": _sort_by_label(False),
    "sort_by_label_desc": _sort_by_label(True),
    "label_replace": _label_replace,
    "label_join": _label_join,
    "histogram_quantile": _histogram_quantile,
    "histogram_quantiles": _histogram_quantiles,
    "histogram_fraction": _histogram_fraction,
}
"""Every function that is not a rollup, by name."""
