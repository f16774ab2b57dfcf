"""Quantities of Kubernetes: `1500m`, `2Gi`, `1e3`.

Grammar: a decimal number, then a binary suffix (Ki to Ei), a decimal one (n, u, m, k to E) or an exponent.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

_GRAMMAR: Final = re.compile(
    r"([+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?|\.[0-9]{1,64}))([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,3})?"
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


@lru_cache(maxsize=4096)
def amount(text: str) -> float:
    """The quantity, rounded up to thousandths as Kubernetes does. Raises `ValueError` for other text."""
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise ValueError(f"quantity: {text!r} is not a number with a suffix such as m, k, Mi or e3")
    thousandths = Fraction(match[1]) * _scale(match[2] or "") * 1000
    return math.ceil(thousandths) / 1000


def _scale(suffix: str) -> Fraction:
    if suffix in _BINARY:
        return Fraction(1 << _BINARY[suffix])
    exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
    return Fraction(10) ** exponent


def portion(value: int | str, total: int, is_rounded_up: bool) -> float:
    """A number as it is, or a percentage of `total` as a whole number. Raises `ValueError`."""
    if isinstance(value, int):
        return float(value)
    if not value.endswith("%"):
        raise ValueError(f"{value!r} is neither a number nor a percentage")
    exact = Fraction(int(value[:-1]) * total, 100)
    return float(math.ceil(exact) if is_rounded_up else math.floor(exact))
