"""The bounds of exponential buckets between two powers of two, to the last bit those of Prometheus."""

from __future__ import annotations

from typing import Final

import numpy as np

from storage.model import Float64Array

_RESOLUTION: Final = 256
"""Buckets between two powers of two at the highest schema, 8."""

_UNITS_BELOW: Final = (
    "1111112111211111112311222222222211211121122211221122102211221122"
    "1111112222332132112111211112111111121011213311221222112121332222"
    "2121223322322122222222323233323311221121223321332233212232332232"
    "2243223233433343333333444455435422322333324422333243223333543344"
)
"""How much the bound that Prometheus publishes (model/histogram, exponentialBounds) lies below 2^(k / 256).

A digit for each k, in units of the last place, plus one. The same bounds are in every answer's JSON.
"""


def _bounds() -> Float64Array:
    nearest = np.array([2.0 ** (k / _RESOLUTION) for k in range(_RESOLUTION)])
    below = np.array([int(digit) - 1 for digit in _UNITS_BELOW], np.int64)
    return (nearest.view(np.int64) - below).view(np.float64)


BOUNDS: Final = _bounds()
"""float64 (256,): 2^(k / 256)."""
