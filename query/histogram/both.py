"""histogram_quantile, histogram_quantiles and histogram_fraction over histograms of both kinds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from query.annotations import Annotations, format_float
from query.ast import Expr, Span
from query.block import Block, stacked
from query.histogram import classic
from query.native import functions as native
from query.native.remarks import MIXED_CLASSIC, Remarks
from storage.labels import concat
from storage.model import Float64Array


def quantile(phi: Float64Array, phi_span: Span, block: Block, argument: Expr, notes: Annotations) -> Block:
    """The quantile of each histogram; phi, float64 (steps,)."""
    for one in np.unique(phi[~((phi >= 0) & (phi <= 1))]).tolist():
        notes.warn(f"quantile value should be between 0 and 1, got {format_float(one)}", phi_span)
    found = classic.quantile(phi, block.floats(), argument.span, notes)
    if block.cells is not None:
        remarks = Remarks(notes, argument.span)
        found = _joined(found, native.quantile(phi, block, remarks), remarks)
    return found.nameless()


def quantiles(
    label: str,
    phis: Sequence[tuple[Float64Array, Span]],
    block: Block,
    argument: Expr,
    notes: Annotations,
) -> Block:
    """Several quantiles, told apart in `label` by the quantile as text; a phi is the same at all steps."""
    parts = [quantile(phi, span, block, argument, notes) for phi, span in phis]
    named = [
        part.labels.with_values(label, [_openmetrics(float(phi[0]))] * part.labels.size)
        for part, (phi, _) in zip(parts, phis, strict=True)
    ]
    return stacked([part.labelled(labels) for part, labels in zip(parts, named, strict=True)])


def fraction(
    lower: Float64Array, upper: Float64Array, block: Block, argument: Expr, notes: Annotations
) -> Block:
    """The share of each histogram's observations between two values, both float64 (steps,)."""
    found = classic.fraction(lower, upper, block.floats(), argument.span, notes)
    if block.cells is not None:
        remarks = Remarks(notes, argument.span)
        found = _joined(found, native.fraction(lower, upper, block, remarks), remarks)
    return found.nameless()


def _joined(classics: Block, natives: Block, remarks: Remarks) -> Block:
    """Both kinds, but none of a metric that has both at one step."""
    groups = concat([classics.labels, natives.labels]).group()
    split = classics.labels.size
    of_classic, of_native = (np.zeros((len(groups), natives.present.shape[1]), np.bool_) for _ in range(2))
    np.logical_or.at(of_classic, groups.ids[:split], classics.present)
    np.logical_or.at(of_native, groups.ids[split:], natives.present)
    both = of_classic & of_native
    refused = both[groups.ids[split:]] & natives.present
    remarks.warn(MIXED_CLASSIC, natives.labels, np.nonzero(refused)[0])
    joined = stacked([classics, natives])
    return joined.where(joined.present & ~both[groups.ids])


def _openmetrics(value: float) -> str:
    """A number as OpenMetrics writes one in a label: whole numbers with a decimal point."""
    text = format_float(value)
    return text + ".0" if text.lstrip("-").isdigit() else text
