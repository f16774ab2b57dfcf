"""Late and out-of-order samples are taken within the window, and queries see them, warm or not."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ingest.limits import Limits
from ingest.pipeline import Pipeline
from query.engine import Engine
from query.render.json import render_result
from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.errors import LimitError
from storage.model import DAY_MS, canonical

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000
_METRICS = itertools.count()


class Swell:
    """The write and the read path over one store."""

    def __init__(self, storage: ClickHouseStorage, directory: Path, limits: Limits) -> None:
        self.storage = storage
        self.pipeline = Pipeline(
            storage,
            directory,
            limits,
            CollectorRegistry(),
            clock=lambda: NOW_MS / 1000,
            flush_interval_s=0.01,
        )
        self.pipeline.start()
        self.engine = Engine(storage, Catalogue(storage))

    def write(self, metric: str, samples: Sequence[tuple[int, float]], **labels: str) -> None:
        series = [canonical({"__name__": metric, **labels})]
        times = np.array([at for at, _ in samples], np.int64)
        values = np.array([value for _, value in samples], np.float64)
        self.pipeline.append(series, np.zeros(len(samples), np.int64), times, values)
        assert self.pipeline.flush()

    def read(self, query: str, end_ms: int = NOW_MS, engine: Engine | None = None) -> bytes:
        return render_result((engine or self.engine).instant(query, end_ms))

    def read_cold(self, query: str, end_ms: int = NOW_MS) -> bytes:
        """The same of an engine that has nothing in memory."""
        engine = Engine(self.storage, Catalogue(self.storage))
        try:
            return self.read(query, end_ms, engine)
        finally:
            engine.close()

    def close(self) -> None:
        self.engine.close()
        self.pipeline.stop()


Opener = Callable[..., Swell]


@pytest.fixture
def opened(storage: ClickHouseStorage, tmp_path: Path) -> Iterator[Opener]:
    swells: list[Swell] = []

    def run(limits: Limits | None = None) -> Swell:
        swells.append(Swell(storage, tmp_path / str(len(swells)), limits or Limits()))
        return swells[-1]

    yield run
    for swell in swells:
        swell.close()


def test_samples_older_than_the_newest_are_seen_where_the_newest_are_warm(opened: Opener) -> None:
    swell = opened()
    swell.write("m", [(NOW_MS - 10_000, 1.0), (NOW_MS, 2.0)])
    assert b'"2"' in swell.read("count_over_time(m[1h])")
    swell.write("m", [(NOW_MS - 5_000, 3.0), (NOW_MS - 30 * MINUTE_MS, 4.0)])
    assert b'"4"' in swell.read("count_over_time(m[1h])")
    assert b'"10"' in swell.read("sum_over_time(m[1h])")
    swell.write("m", [(NOW_MS - 5 * 60 * MINUTE_MS, 5.0)])
    assert b'"5"' in swell.read("count_over_time(m[6h])")


def test_late_samples_of_days_before_are_seen_by_queries_of_those_days(opened: Opener) -> None:
    swell = opened()
    swell.write("m", [(NOW_MS, 1.0)], pod="a")
    past_ms = NOW_MS - 3 * DAY_MS
    assert swell.read("m", past_ms) == swell.read("absent_of_everything", past_ms)
    swell.write("m", [(past_ms, 2.0)], pod="a")
    swell.write("m", [(past_ms, 3.0)], pod="b")
    assert b'"5"' in swell.read("sum(m)", past_ms)
    assert b'"1"' in swell.read("sum(m)")


def test_a_late_sample_beyond_the_window_is_refused_and_changes_nothing(opened: Opener) -> None:
    swell = opened(Limits(max_past_ms=MINUTE_MS))
    swell.write("m", [(NOW_MS, 1.0)])
    with pytest.raises(LimitError, match="too_old"):
        swell.write("m", [(NOW_MS - MINUTE_MS - 1, 2.0)])
    swell.write("m", [(NOW_MS - MINUTE_MS, 3.0)])
    assert b'"2"' in swell.read("count_over_time(m[1h])")


def test_a_backfill_of_two_hundred_days_is_stored_whole(opened: Opener) -> None:
    swell = opened(Limits(max_past_ms=365 * DAY_MS))
    swell.write("m", [(NOW_MS - day * DAY_MS, float(day)) for day in range(200)])
    assert b'"200"' in swell.read("count_over_time(m[201d])")
    for day in (0, 99, 100, 101, 199):
        assert f'"{day}"'.encode() in swell.read("m", NOW_MS - day * DAY_MS)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"),
            st.sampled_from("ab"),
            st.lists(st.tuples(st.integers(-40, 0), st.integers(-5, 5)), min_size=1, max_size=6),
        ),
        st.tuples(st.just("read"), st.sampled_from(["5m", "20m", "40m"]), st.integers(-30, 0)),
    ),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_what_is_warm_never_differs_from_what_is_stored(
    embedded_swell: Swell, steps: list[tuple[str, str, object]]
) -> None:
    metric = f"late{next(_METRICS)}"
    for kind, first, second in steps:
        if kind == "write":
            assert isinstance(second, list)
            times = {NOW_MS + at * MINUTE_MS: float(value) for at, value in second}
            embedded_swell.write(metric, list(times.items()), pod=first)
            continue
        assert isinstance(second, int)
        query, end_ms = f"{metric}[{first}]", NOW_MS + second * MINUTE_MS
        assert embedded_swell.read(query, end_ms) == embedded_swell.read_cold(query, end_ms)


@pytest.fixture
def embedded_swell(embedded_storage: ClickHouseStorage, tmp_path: Path) -> Iterator[Swell]:
    swell = Swell(embedded_storage, tmp_path / "wal", Limits())
    yield swell
    swell.close()
