"""A small line without axes, as an image that carries itself."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import numpy as np

from storage.model import Float64Array

_WIDTH: Final = 96
_HEIGHT: Final = 24
_EDGE: Final = 2


def sparkline(values: Float64Array, low: float = 0.0, high: float | None = None) -> str:
    """A `data:` URI of an SVG, 96 by 24 pixels. values: float64 (steps,), NaN leaves a gap.

    `low` and `high` are the ends of the scale; `high` is the largest value when None.
    """
    finite = values[np.isfinite(values)]
    top = high if high is not None else float(finite.max(initial=low))
    span = (top - low) or 1.0
    x = np.linspace(_EDGE, _WIDTH - _EDGE, len(values)) if len(values) else values
    y = _HEIGHT - _EDGE - (np.clip(values, low, top) - low) / span * (_HEIGHT - 2 * _EDGE)
    return "data:image/svg+xml," + quote(_svg(_path(x, y)))


def _path(x: Float64Array, y: Float64Array) -> str:
    drawn = np.isfinite(y)
    parts = []
    for i in np.flatnonzero(drawn):
        point = f"{x[i]:.1f} {y[i]:.1f}"
        # A line of no length is a dot, so that a value without neighbours shows.
        parts.append(f"L{point}" if i and drawn[i - 1] else f"M{point}h0")
    return "".join(parts)


def _svg(path: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}">'
        f'<path d="{path}" fill="none" stroke="#4c8dd6" stroke-width="1.5" '
        'stroke-linejoin="round" stroke-linecap="round"/></svg>'
    )
