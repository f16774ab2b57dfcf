"""What OpenMetrics says of its samples: exemplars behind them, and the times when they began to count.

Format: the OpenMetrics specification 1.0. A sample `x_created` holds, in seconds, when the counter, histogram
or summary `x` of the same labels was created; it stays a sample, and is the start of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from ingest.beside import Beside
from ingest.decoded import Refusal
from storage.histograms import no_histograms
from storage.model import METRIC_NAME, Int64Array, canonical, encode_labels

Pairs: TypeAlias = Sequence[tuple[str, str]]
_Counting: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]

_CREATED: Final = "_created"
_SUFFIXES: Final = ("_total", "_bucket", "_count", "_sum", _CREATED)
_COUNTING: Final = frozenset(("counter", "histogram", "summary"))
_OF_ONE_SAMPLE: Final = frozenset((METRIC_NAME, "le", "quantile"))
_MAX_EXEMPLAR_CHARS: Final = 128
_MOST_SECONDS: Final = 1e15


@dataclass(slots=True)
class Notes:
    """Gathered line by line. Rows count samples."""

    rows: list[int] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    counting: list[tuple[int, _Counting]] = field(default_factory=list)
    created_ms: dict[_Counting, int] = field(default_factory=dict)
    refused: int = 0
    example: str = ""

    def add_exemplar(self, row: int, pairs: Pairs, value: float, time_ms: int) -> None:
        """Note the exemplar of a sample; one whose labels break a rule is refused."""
        problem = exemplar_problem(pairs)
        if problem:
            self.refuse(f"exemplar of sample {row}: {problem}")
            return
        self.rows.append(row)
        self.times_ms.append(time_ms)
        self.values.append(value)
        self.labels.append(encode_labels(canonical(pairs)))

    def refuse(self, example: str) -> None:
        """Count an exemplar that is not taken; its sample is."""
        self.refused += 1
        self.example = self.example or example

    def add_sample(
        self, row: int, pairs: Pairs, value: float, families: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Note whose start a sample has or tells, if its family counts."""
        name = dict(pairs).get(METRIC_NAME, "")
        suffix = next((one for one in _SUFFIXES if name.endswith(one)), "")
        family = name.removesuffix(suffix)
        if families.get(family, {}).get("TYPE") not in _COUNTING:
            return
        key = (family, tuple(pair for pair in pairs if pair[0] not in _OF_ONE_SAMPLE))
        if suffix != _CREATED:
            self.counting.append((row, key))
        elif 0 < value < _MOST_SECONDS:
            self.created_ms[key] = round(value * 1000)

    def beside(self, series_index: Int64Array, times_ms: Int64Array) -> Beside | None:
        """Exemplars and starts of the samples with these series and times; None where there are none."""
        found = [(row, self.created_ms[key]) for row, key in self.counting if key in self.created_ms]
        starts = np.array(found, np.int64).reshape(-1, 2)
        starts = starts[starts[:, 1] <= times_ms[starts[:, 0]]]
        if not len(starts) and not self.rows:
            return None
        nothing = np.empty(0, np.int64)
        return Beside(
            nothing,
            nothing,
            no_histograms(),
            series_index[np.array(self.rows, np.int64)],
            np.array(self.times_ms, np.int64),
            np.array(self.values, np.float64),
            self.labels,
            starts[:, 0].copy(),
            starts[:, 1].copy(),
        )

    @property
    def refusals(self) -> dict[str, Refusal]:
        """What was refused, by reason."""
        return {"invalid_exemplar": Refusal(self.refused, self.example)} if self.refused else {}


def exemplar_problem(pairs: Pairs) -> str:
    """Why an exemplar's labels are not taken, "" where they are; the specification limits their length."""
    names = [name for name, _ in pairs]
    length = sum(len(name) + len(value) for name, value in pairs)
    if length > _MAX_EXEMPLAR_CHARS:
        return f"its labels have {length} characters, the limit is {_MAX_EXEMPLAR_CHARS}"
    if "" in names:
        return "a label has no name"
    return "a label stands twice" if len(set(names)) != len(names) else ""
