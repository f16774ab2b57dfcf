"""Which selectors are read for the count and sum of their histograms alone.

Prometheus reads those without buckets and then tells counter resets in the hints, which shows in
annotations (promql/engine.go, detectHistogramStatsDecoding).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from query.ast import Binary, Call, Expr, Subquery, VectorSelector, children

_SUMMARIES: Final = frozenset(("histogram_avg", "histogram_count", "histogram_sum"))
_OF_BUCKETS: Final = frozenset(("histogram_fraction", "histogram_quantile", "histogram_quantiles"))


def summarised(expr: Expr, is_summary: bool = False) -> Iterator[VectorSelector]:
    """The selectors in `expr` whose nearest call that matters is of count, sum or average."""
    match expr:
        case VectorSelector():
            if is_summary:
                yield expr
            return
        case Binary() | Subquery():
            is_summary = False
        case Call():
            is_summary = expr.name in _SUMMARIES or (is_summary and expr.name not in _OF_BUCKETS)
    for child in children(expr):
        yield from summarised(child, is_summary)
