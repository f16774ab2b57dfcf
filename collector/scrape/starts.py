"""When samples of OpenMetrics began to count.

A sample `x_created` holds, in seconds, when the counter, histogram or summary `x` of the same labels was
created (OpenMetrics 1.0). It stays a sample, as in Prometheus, and is the start of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from collector.symbols import label_pairs
from storage.model import Float64Array, Int64Array, Metadata

_CREATED: Final = "_created"
_SUFFIXES: Final = ("_total", "_bucket", "_count", "_sum", _CREATED)
_COUNTING: Final = frozenset(("counter", "histogram", "summary"))
_OF_ONE_SAMPLE: Final = frozenset((b"__name__", b"le", b"quantile"))
_MOST_SECONDS: Final = 1e15


def _none() -> Int64Array:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Starters:
    """Which samples say when others began: that at says[i] of that at rows[i]. int64, of one length."""

    rows: Int64Array = field(default_factory=_none)
    says: Int64Array = field(default_factory=_none)

    @classmethod
    def of(cls, lines: Sequence[bytes], families: Mapping[str, Metadata]) -> Starters:
        """lines: encoded labels by sample, empty for those that are dropped."""
        if not any(b"_created" in line for line in lines):
            return cls()
        counting: dict[tuple[object, ...], list[int]] = {}
        created: dict[tuple[object, ...], int] = {}
        for row, line in enumerate(lines):
            pairs = label_pairs(line)
            name = dict(pairs).get(b"__name__", b"").decode()
            suffix = next((one for one in _SUFFIXES if name.endswith(one)), "")
            family = families.get(name.removesuffix(suffix))
            if family is None or family.type not in _COUNTING:
                continue
            key = (family.metric, *(pair for pair in pairs if pair[0] not in _OF_ONE_SAMPLE))
            if suffix == _CREATED:
                created[key] = row
            else:
                counting.setdefault(key, []).append(row)
        found = [(row, says) for key, says in created.items() for row in counting.get(key, ())]
        both = np.array(found, np.int64).reshape(-1, 2)
        return cls(both[:, 0].copy(), both[:, 1].copy())

    def starts_ms(self, values: Float64Array) -> Int64Array:
        """By sample, 0 where nobody says; empty where nobody says of any. values: by sample."""
        if not len(self.rows):
            return _none()
        seconds = values[self.says]
        known = (seconds > 0) & (seconds < _MOST_SECONDS)
        found = np.zeros(len(values), np.int64)
        found[self.rows[known]] = np.rint(seconds[known] * 1000)
        return found
