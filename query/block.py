"""What a node of a query evaluates to, over all steps at once, and what a query answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from query.ast import ValueType
from storage.labels import LabelTable
from storage.model import BoolArray, Float64Array, Int64Array

NAME_LABELS: Final = ("__name__", "__type__", "__unit__")
"""What a function drops together with the metric's name."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """An instant vector at every step. Row s of each array is series s of `labels`.

    values: float64 (series, steps); present: bool (series, steps), kept apart because NaN is a value.
    Where `present` is false the value is meaningless. Arrays are shared: never write to a block's arrays.
    """

    labels: LabelTable
    values: Float64Array
    present: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class ScalarBlock:
    """A scalar at every step. values: float64 (steps,)."""

    values: Float64Array


@dataclass(frozen=True, slots=True, eq=False)
class StringValue:
    """A string; the same at every step."""

    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """A range vector asked for as such (instant queries only): raw samples of each series.

    timestamps_ms and values are flat, sorted by series then time; series s owns [offsets[s], offsets[s+1]).
    """

    labels: LabelTable
    timestamps_ms: Int64Array
    values: Float64Array
    offsets: Int64Array


Value: TypeAlias = Block | ScalarBlock | StringValue | Samples


@dataclass(frozen=True, slots=True)
class Stats:
    """What a query cost."""

    series: int = 0
    samples: int = 0
    fetch_ms: float = 0.0
    eval_ms: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """An answer. steps_ms: int64 (steps,), the evaluation times; one step for an instant query.

    A range query of a scalar answers as a matrix of one label-less series, as Prometheus does: `type` is
    MATRIX then. Series without any present step are already gone, and a matrix is sorted by labels.
    """

    type: ValueType
    value: Value
    steps_ms: Int64Array
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
    stats: Stats = field(default_factory=Stats)
