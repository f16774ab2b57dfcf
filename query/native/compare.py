"""Whether native histograms say the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from query.native.kernels import pooled
from query.native.resets.kernels import equals
from storage.histograms import Histograms
from storage.model import BoolArray


def equal_rows(pool: Histograms, ones: npt.NDArray[np.integer], others: npt.NDArray[np.integer]) -> BoolArray:
    """Whether row ones[i] equals row others[i]; empty buckets and hints do not count."""
    found = np.empty(len(ones), np.bool_)
    equals(pooled(pool), ones.astype(np.int64), others.astype(np.int64), found)
    return found
