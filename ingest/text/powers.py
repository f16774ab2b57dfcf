"""Powers of five to 128 bits, which decimal numbers are made to doubles with."""

from __future__ import annotations

from typing import Final

import numpy as np

from storage.model import UInt64Array

SMALLEST: Final = -342
LARGEST: Final = 308
_BITS: Final = 128
_EXACT_FROM: Final = -27


def powers_of_five() -> UInt64Array:
    """uint64 (651, 2): high and low words of 5^q for q of -342 to 308, scaled so that the highest bit is set.

    Powers that do not fit are cut; reciprocals are rounded up. Table of D. Lemire, Number Parsing at a
    Gigabyte per Second, Software: Practice and Experience 51 (2021), section 5.
    """
    words = [_word(exponent) for exponent in range(SMALLEST, LARGEST + 1)]
    return np.array([(word >> 64, word & (1 << 64) - 1) for word in words], np.uint64)


def _word(exponent: int) -> int:
    power: int = 5 ** abs(exponent)
    if exponent >= 0:
        excess = power.bit_length() - _BITS
        return power >> excess if excess > 0 else power << -excess
    bits = (power - 1).bit_length()
    if exponent >= _EXACT_FROM:
        return (1 << bits + _BITS - 1) // power + 1
    reciprocal = (1 << 2 * bits + _BITS) // power + 1
    return reciprocal >> max(0, reciprocal.bit_length() - _BITS)
