"""Rows of the store's table of series, written from the label bytes that the table keeps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from ingest.decoded import Bytes
from ingest.labels import kernels
from ingest.series.familiar import Familiar
from storage.model import METRIC_NAME, Int64Array, SeriesRow, UInt64Array

NAMES: Final = tuple(
    np.frombuffer(name, np.uint8) for name in (METRIC_NAME.encode(), b"job", b"instance", b"source")
)


def rows_of(
    seen: Int64Array, ids: UInt64Array, unusual: Mapping[int, SeriesRow], familiar: Familiar
) -> list[SeriesRow]:
    """The rows of series seen on days, int64 (rows, 2): number and day. ids: uint64 (series, 2).

    unusual: the rows, of any day, of series that no kernel can write.
    """
    numbers = seen[:, 0]
    is_plain = np.array([number not in unusual for number in numbers.tolist()], np.bool_)
    plain = iter(_plain_texts(np.ascontiguousarray(numbers[is_plain]), familiar))
    rows = []
    for (number, day), (metric, series) in zip(seen.tolist(), ids[numbers].tolist(), strict=True):
        known = unusual.get(number)
        name, text = next(plain) if known is None else (known.name, known.text)
        rows.append(SeriesRow(metric, series, day, name, text))
    return rows


def _plain_texts(numbers: Int64Array, familiar: Familiar) -> Iterator[tuple[str, str]]:
    """The names of plain series' metrics, and their labels as JSON."""
    arena, spans = familiar.arena, familiar.spans
    sizes = spans[numbers, 1] - spans[numbers, 0]
    names, texts = (np.empty(int(sizes.sum()) + 2 * len(numbers), np.uint8) for _ in range(2))
    ends = np.empty((2, len(numbers)), np.int64)
    kernels.write_json(arena, spans, numbers, NAMES[0], names, texts, ends)
    return zip(_texts(names, ends[0].tolist()), _texts(texts, ends[1].tolist()), strict=True)


def _texts(written: Bytes, ends: Sequence[int]) -> list[str]:
    """ASCII texts that lie one after the other."""
    whole = written[: ends[-1] if ends else 0].tobytes().decode()
    return [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]
