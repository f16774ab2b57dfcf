"""Prometheus's JSON of an answer (prometheus/prometheus, web/api/v1 and util/jsonutil)."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from query.annotations import shortened
from query.ast import ValueType
from query.block import Block, Result, Samples, ScalarBlock, StringValue
from query.render.histograms import histogram_objects, number_texts
from query.render.kernels import BYTES_A_SAMPLE, write_series
from storage.errors import ExecutionError
from storage.labels import LabelTable
from storage.model import BoolArray, Float64Array, Int64Array


def render_success(data: Any, warnings: tuple[str, ...] = (), infos: tuple[str, ...] = ()) -> bytes:
    """The envelope around what orjson can write."""
    return _envelope(orjson.dumps(data), warnings, infos)


def render_error(error_type: str, message: str) -> bytes:
    """The envelope of an error."""
    return orjson.dumps({"status": "error", "errorType": error_type, "error": message})


def render_result(result: Result, stats: str = "", limit: int = 0) -> bytes:
    """The envelope around an answer. `limit`: the most series to write, 0 for all.

    stats: '' for none, `all` for those of every step too, anything else for those of the query.

    Strings with bytes that are not UTF-8 raise `ExecutionError`, as JSON cannot hold them.
    """
    warnings, infos = shortened(result.warnings, "warning"), shortened(result.infos, "info")
    body = b"".join((b'{"resultType":"', result.type.value.encode(), b'","result":', _value(result, limit)))
    if stats:
        body += b',"stats":' + orjson.dumps(_stats(result, stats == "all"))
    if limit and _series(result) > limit:
        warnings = (*warnings, "results truncated due to limit")
    return _envelope(body + b"}", warnings, infos)


def _envelope(data: bytes, warnings: tuple[str, ...], infos: tuple[str, ...]) -> bytes:
    parts = [b'{"status":"success","data":', data]
    if warnings:
        parts += [b',"warnings":', orjson.dumps(warnings)]
    if infos:
        parts += [b',"infos":', orjson.dumps(infos)]
    return b"".join((*parts, b"}"))


def _value(result: Result, limit: int) -> bytes:
    value = result.value
    match value:
        case StringValue():
            return b"".join((b"[", _time(result.steps_ms[0]), b",", _string(value.value), b"]"))
        case ScalarBlock():
            empty = np.zeros(1, np.int64)
            return _write(b"", empty, b"", value.values[:1], result.steps_ms[:1], empty + 1)
        case Samples():
            return _samples(value, limit)
        case Block():
            return _block(value, result, limit)


def _block(block: Block, result: Result, limit: int) -> bytes:
    if block.cells is not None:
        return _mixed(_flat(block, result.steps_ms), result.type is ValueType.MATRIX, limit)
    rows, steps = np.nonzero(block.present)
    counts = np.bincount(rows, minlength=len(block.labels)).astype(np.int64)
    values = block.values[rows, steps]
    times_ms = result.steps_ms[steps]
    is_matrix = result.type is ValueType.MATRIX
    heads = _heads(block.labels, b'"values":[' if is_matrix else b'"value":')
    return _series_array(heads, b"]}" if is_matrix else b"}", values, times_ms, counts, limit)


def _flat(block: Block, steps_ms: Int64Array) -> Samples:
    assert block.cells is not None
    counts = block.present.sum(axis=1)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    times_ms = np.broadcast_to(steps_ms, block.present.shape)[block.present]
    return Samples(block.labels, times_ms, block.values[block.present], offsets, block.cells[block.present])


def _mixed(samples: Samples, is_matrix: bool, limit: int) -> bytes:
    """Series of which some samples are histograms: floats stand in `values`, histograms in `histograms`."""
    cells = samples.cells
    assert cells is not None
    held = cells.at >= 0
    objects = iter(histogram_objects(cells.pool, cells.at[held].astype(np.int64)))
    numbers = number_texts(np.where(held, 0.0, samples.values))
    texts = [next(objects) if one else f'"{numbers[i]}"'.encode() for i, one in enumerate(held.tolist())]
    points = [
        b"".join((b"[", _time(time_ms), b",", text, b"]"))
        for time_ms, text in zip(samples.timestamps_ms, texts, strict=True)
    ]
    found = []
    for i, row in enumerate(samples.labels.rows()):
        mine = slice(samples.offsets[i], samples.offsets[i + 1])
        if mine.start < mine.stop:
            found.append(_series_object(row, points[mine], held[mine], is_matrix))
    return b"[" + b",".join(found[: limit or None]) + b"]"


def _series_object(row: dict[str, str], points: list[bytes], held: BoolArray, is_matrix: bool) -> bytes:
    parts = [b'"metric":' + _object(row)]
    for name, wanted in ((b"value", False), (b"histogram", True)):
        mine = [point for point, one in zip(points, held.tolist(), strict=True) if one is wanted]
        if mine and is_matrix:
            parts.append(b'"' + name + b's":[' + b",".join(mine) + b"]")
        elif mine:
            parts.append(b'"' + name + b'":' + mine[0])
    return b"{" + b",".join(parts) + b"}"


def _samples(value: Samples, limit: int) -> bytes:
    if value.cells is not None:
        return _mixed(value, True, limit)
    heads = _heads(value.labels, b'"values":[')
    counts = np.diff(value.offsets)
    return _series_array(heads, b"]}", value.values, value.timestamps_ms, counts, limit)


def _series_array(
    heads: list[bytes],
    tail: bytes,
    values: Float64Array,
    times_ms: Int64Array,
    counts: Int64Array,
    limit: int,
) -> bytes:
    kept = np.flatnonzero(counts)[: limit or None]
    heads = [heads[i] for i in kept.tolist()]
    counts = counts[kept]
    samples = int(counts.sum())
    ends = np.cumsum(np.fromiter(map(len, heads), np.int64, len(heads)))
    written = _write(b"".join(heads), ends, tail, values[:samples], times_ms[:samples], counts)
    return b"[" + written + b"]"


def _write(
    heads: bytes,
    head_ends: Int64Array,
    tail: bytes,
    values: Float64Array,
    times_ms: Int64Array,
    counts: Int64Array,
) -> bytes:
    numbers = orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)
    size = len(heads) + (len(tail) + 1) * len(counts) + BYTES_A_SAMPLE * len(values) + 1
    out = np.empty(size, np.uint8)
    written = write_series(
        out,
        np.frombuffer(numbers, np.uint8),
        values,
        times_ms,
        counts,
        np.frombuffer(heads, np.uint8),
        head_ends,
        np.frombuffer(tail, np.uint8),
    )
    return out[:written].tobytes()


def _heads(labels: LabelTable, rest: bytes) -> list[bytes]:
    return [b"".join((b'{"metric":', _object(row), b",", rest)) for row in labels.rows()]


def _object(labels: dict[str, str]) -> bytes:
    try:
        return orjson.dumps(labels)
    except TypeError:
        raise ExecutionError(f"the labels {labels!r} are not UTF-8") from None


def _string(value: str) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        raise ExecutionError(f"the string {value!r} is not UTF-8") from None


def _time(time_ms: np.int64) -> bytes:
    seconds, fraction = divmod(abs(int(time_ms)), 1000)
    sign = "-" if time_ms < 0 else ""
    return (f"{sign}{seconds}.{fraction:03d}" if fraction else f"{sign}{seconds}").encode()


def _series(result: Result) -> int:
    return len(result.value.labels) if isinstance(result.value, Block | Samples) else 0


def _stats(result: Result, with_steps: bool) -> dict[str, Any]:
    stats, per_step = result.stats, result.per_step
    total_s = (stats.fetch_ms + stats.eval_ms) / 1000
    samples: dict[str, Any] = {
        "totalQueryableSamples": stats.samples if per_step is None else int(per_step.sum()),
        "peakSamples": stats.samples,
    }
    if with_steps and per_step is not None:
        steps_s = (result.steps_ms / 1000).tolist()
        samples["totalQueryableSamplesPerStep"] = list(zip(steps_s, per_step.tolist(), strict=True))
    return {
        "timings": {
            "evalTotalTime": total_s,
            "resultSortTime": 0,
            "queryPreparationTime": stats.fetch_ms / 1000,
            "innerEvalTime": stats.eval_ms / 1000,
            "execQueueTime": 0,
            "execTotalTime": total_s,
        },
        "samples": samples,
    }
