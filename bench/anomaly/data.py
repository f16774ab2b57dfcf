"""Labelled series: the KPI challenge's Parquet file, Microsoft's CSVs, NAB's CSVs and windows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from storage.model import BoolArray, Float64Array, Int64Array

_WARM_SHARE = 0.2
_STEP_S = 60


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One series on its own grid. values: float64 (slots,), NaN where missing; labels: bool (slots,).

    Slots before `begin` are history and not scored. at: int64, the slot of each row of the file.
    windows: those of NAB, as rows, both ends inclusive.
    """

    name: str
    start_s: int
    step_s: int
    values: Float64Array
    labels: BoolArray
    begin: int
    at: Int64Array
    windows: tuple[tuple[int, int], ...] = ()

    @property
    def weeks(self) -> float:
        """How long the scored part is."""
        return (len(self.values) - self.begin) * self.step_s / 604_800


def kpi(root: Path) -> list[Case]:
    """aiops_kpi.parquet (kpi, ts, value, label) and aiops_kpi.json (step, n_train); scored after n_train."""
    meta = json.loads((root / "aiops_kpi.json").read_text())
    frame = pl.read_parquet(root / "aiops_kpi.parquet")
    cases = []
    for name, about in sorted(meta.items()):
        one = frame.filter(pl.col("kpi") == name).sort("ts")
        rows = one["ts"].to_numpy(), one["value"].to_numpy(), one["label"].to_numpy()
        cases.append(_case(name, *rows, int(about["step"]), about["n_train"]))
    return cases


def microsoft(root: Path) -> list[Case]:
    """msft_cloud/*/*.csv (timestamp, value, label); scored after the first fifth."""
    cases = []
    for path in sorted((root / "msft_cloud").glob("*/*.csv")):
        one = pl.read_csv(path, infer_schema_length=0)
        times = np.array([_seconds(text) for text in one[one.columns[0]]])
        values = one[one.columns[1]].cast(pl.Float64, strict=False).to_numpy()
        labels = one[one.columns[2]].cast(pl.Float64, strict=False).fill_null(0).to_numpy()
        cases.append(_case(path.stem, times, values, labels))
    return cases


def nab(root: Path) -> list[Case]:
    """nab/*/*.csv (timestamp, value) and nab/windows.json; NAB's own probation applies."""
    windows = json.loads((root / "nab" / "windows.json").read_text())
    return [_nab(root / "nab" / name, spans) for name, spans in sorted(windows.items())]


def _nab(path: Path, spans: list[tuple[str, str]]) -> Case:
    one = pl.read_csv(path, infer_schema_length=0)
    times = np.array([_seconds(text) for text in one[one.columns[0]]])
    values = one[one.columns[1]].cast(pl.Float64, strict=False).to_numpy()
    rows = tuple(
        (int(np.searchsorted(times, _seconds(low))), int(np.searchsorted(times, _seconds(high))))
        for low, high in spans
    )
    case = _case(path.stem, times, values, np.zeros(len(times)), warm=0)
    return Case(case.name, case.start_s, case.step_s, case.values, case.labels, 0, case.at, rows)


def _case(
    name: str,
    times: Int64Array,
    values: Float64Array,
    labels: Float64Array,
    step_s: int | None = None,
    warm: int | None = None,
) -> Case:
    order = np.argsort(times, kind="stable")
    times, values, labels = times[order], values[order], labels[order]
    step_s = step_s or int(np.median(np.diff(times)))
    step_s = max(_STEP_S, step_s)
    start_s = int(times[0]) // step_s * step_s
    at = (times - start_s) // step_s
    grid, marks = np.full(at[-1] + 1, np.nan), np.zeros(at[-1] + 1, np.bool_)
    grid[at] = values
    marks[at] = labels > 0
    begin = int(at[warm]) if warm is not None else int(len(grid) * _WARM_SHARE)
    return Case(name, start_s, step_s, grid, marks, begin, at)


def _seconds(text: str) -> int:
    moment = datetime.fromisoformat(text.strip('"').replace("Z", "+00:00"))
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def halves(cases: list[Case]) -> Iterator[tuple[str, list[Case]]]:
    """The part to tune on, the part to report, by turns in the order of names; then both."""
    yield "tune", cases[::2]
    yield "report", cases[1::2]
    yield "all", cases
