"""Binary frames for charts; the format is docs/frames.md."""

from __future__ import annotations

import struct
from dataclasses import asdict

import numpy as np
import orjson

from query.annotations import shortened
from query.ast import ValueType
from query.block import Block, Result
from storage.errors import ExecutionError
from storage.model import Float64Array

MEDIA_TYPE = "application/vnd.swell.frame"
_MAGIC = b"SWF1"
_ALIGNMENT = 8


def render_frame(result: Result, step_ms: int) -> bytes:
    """A matrix as a frame; `step_ms` lies between its steps. Raises `ExecutionError` for other types.

    A frame has no place for native histograms: they are gaps.
    """
    if result.type is not ValueType.MATRIX or not isinstance(result.value, Block):
        raise ExecutionError(f"a frame holds a matrix, and the query answers a {result.type.value}")
    block = result.value
    header = orjson.dumps(
        {
            "type": result.type.value,
            "steps_ms": {"start": int(result.steps_ms[0]), "step": step_ms, "count": len(result.steps_ms)},
            "series": [{"labels": row} for row in block.labels.rows()],
            "warnings": shortened(result.warnings, "warning"),
            "infos": shortened(result.infos, "info"),
            "stats": asdict(result.stats),
        }
    )
    padding = b" " * (-len(header) % _ALIGNMENT)
    return b"".join((_MAGIC, struct.pack("<I", len(header) + len(padding)), header, padding, _columns(block)))


def _columns(block: Block) -> bytes:
    values: Float64Array = np.where(block.floats().present, block.values, np.nan)
    return values.astype("<f8", copy=False).tobytes()
