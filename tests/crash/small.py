"""A Swell in this process over a store in memory, small enough to be started again a thousand times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from prometheus_client import CollectorRegistry

from ingest.decoded import Decoded
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from ingest.protocols.remote_write import decode_v1
from ingest.wire.encoding import encode_labels, encode_v1
from query.engine import Engine
from query.render.json import render_result
from storage.catalogue import Catalogue
from storage.errors import UnavailableError
from storage.memory import MemoryStorage
from storage.model import SampleBatch, SeriesRow

NOW_MS = 1_700_000_000_000
SAMPLES = 3


class Away(MemoryStorage):
    """A store that cannot be reached."""

    def write_samples(self, batch: SampleBatch, token: str) -> None:
        """Raise."""
        raise UnavailableError("the store is away")

    def write_series(self, rows: Sequence[SeriesRow]) -> None:
        """Raise."""
        raise UnavailableError("the store is away")


def opened(
    directory: Path, storage: MemoryStorage, clock: Callable[[], float] = lambda: NOW_MS / 1000
) -> Pipeline:
    """A pipeline that has replayed what the log holds."""
    pipeline = Pipeline(storage, directory, Limits(), CollectorRegistry(), clock, flush_interval_s=0.005)
    pipeline.start()
    return pipeline


def request(number: int, time_ms: int = NOW_MS) -> Decoded:
    """One series, `m{request="number"}`, with SAMPLES samples a second apart, the last at `time_ms`."""
    raw = [encode_labels([("__name__", "m"), ("request", str(number))])]
    times = time_ms - 1000 * np.arange(SAMPLES)
    return decode_v1(encode_v1(raw, np.zeros(SAMPLES, np.int64), times, expected_values(number, times)))


def expected_values(number: int, times_ms: Any) -> Any:
    """What request `number` has at times: no two samples are alike."""
    return times_ms.astype(np.float64) * 1000 + number


def read_back(storage: MemoryStorage, query: str, at_ms: int) -> dict[int, list[tuple[int, float]]]:
    """What PromQL finds: (time in ms, value) by request."""
    engine = Engine(storage, Catalogue(storage))
    try:
        answer = orjson.loads(render_result(engine.instant(query, at_ms)))
    finally:
        engine.close()
    return {
        int(series["metric"]["request"]): [(round(at * 1000), float(text)) for at, text in series["values"]]
        for series in answer["data"]["result"]
    }
