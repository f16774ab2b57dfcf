"""A query that would cost too much is refused first, by a message that names limit, value and setting."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from query.deadline import Deadline
from query.engine import Engine
from query.limits import QueryLimits
from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.errors import DeadlineError, Error, InputError, LimitError, ParseError
from storage.memory import MemoryStorage
from storage.model import SampleBatch, TimeRange, canonical
from storage.patterns import compile_regex

_SERIES = 20
_STEP_MS = 1000
_SAMPLES = 200
_END_MS = _SAMPLES * _STEP_MS


@pytest.fixture
def storage() -> MemoryStorage:
    found = MemoryStorage()
    series = [canonical({"__name__": f"m{i % 2}", "i": str(i)}) for i in range(_SERIES)]
    index = np.repeat(np.arange(_SERIES), _SAMPLES)
    times = np.tile(np.arange(_SAMPLES) * _STEP_MS, _SERIES)
    found.append(series, index, times, np.arange(len(index), dtype=np.float64))
    return found


@pytest.fixture
def limits() -> QueryLimits:
    return QueryLimits(max_series=15, max_samples=1500, max_steps=500, max_bytes=150_000, max_length=2000)


@pytest.fixture
def engine(storage: MemoryStorage, limits: QueryLimits) -> Iterator[Engine]:
    found = Engine(storage, Catalogue(storage), limits)
    yield found
    found.close()


# query -> the words of its refusal
_REFUSED = {
    '{__name__=~".+"}': r"query needs 20 series, the limit \(query.max_series\) is 15",
    "m0 @ 1 + m1 @ 1": r"query needs 20 series, the limit \(query.max_series\) is 15",
    "rate(m0[3m])": r"query needs 1790 samples, the limit \(query.max_samples\) is 1500",
    "max_over_time(vector(1)[1h:1s])": r"query needs 3600 steps, the limit \(query.max_steps\) is 500",
    "vector(1)[200y:1ms]": r"query needs \d+ steps, the limit \(query.max_steps\) is 500",
    "1" + " + 1" * 600: r"expression has 2401 characters, the limit \(query.max_length\) is 2000",
    "1" + "+1" * 500: r"expression nests deeper than 100 levels \(query.max_depth\)",
}


@pytest.mark.parametrize(("query", "words"), _REFUSED.items(), ids=lambda text: text[:30])
def test_a_refusal_names_the_limit_the_value_and_the_setting(engine: Engine, query: str, words: str) -> None:
    with pytest.raises((LimitError, ParseError), match=words):
        engine.instant(query, _END_MS)


def test_a_range_of_a_million_steps_is_refused(engine: Engine) -> None:
    with pytest.raises(LimitError, match=r"query needs 1000001 steps, the limit \(query.max_steps\) is 500"):
        engine.range("1", 0, 1_000_000, 1)


def test_memory_is_reckoned_before_it_is_taken(engine: Engine, storage: MemoryStorage) -> None:
    wanted = r"query needs \d+ bytes, the limit \(query.max_bytes\) is 150000"
    with pytest.raises(LimitError, match=wanted):
        engine.range("last_over_time(m0[10s] @ 30)", 0, 400_000, 1000)
    with pytest.raises(LimitError, match=wanted):
        engine.range('count_values("v", m0 @ 30 * time())', 0, 100_000, 1000)


def test_what_is_within_the_limits_is_answered(engine: Engine) -> None:
    assert engine.instant("sum(rate(m0[1m]))", _END_MS).stats.samples <= 1500


def test_samples_are_counted_before_they_are_read(embedded_storage: ClickHouseStorage) -> None:
    ids, times = np.full(1000, 7, np.uint64), np.arange(1000, dtype=np.int64)
    embedded_storage.migrate()
    embedded_storage.write_samples(SampleBatch(ids, ids + np.arange(1000) % 3, times, np.zeros(1000)), "")

    everything, late = TimeRange(0, 2000), TimeRange(900, 2000)

    assert embedded_storage.count_samples(7, None, everything) == 1000
    assert embedded_storage.count_samples(7, np.array([7, 9], np.uint64), everything) == 667
    assert embedded_storage.count_samples(7, None, late) == 100
    assert embedded_storage.count_samples(8, None, everything) == 0


def test_a_query_that_counts_too_many_samples_reads_none(storage: MemoryStorage, limits: QueryLimits) -> None:
    class Unreadable(MemoryStorage):
        def read_samples(self, *_: object) -> SampleBatch:  # type: ignore[override]
            raise AssertionError("samples were read")

        def count_samples(self, *_: object) -> int:
            return 1501

    blind = Unreadable()
    blind.append([canonical({"__name__": "m"})], np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(1))
    engine = Engine(blind, Catalogue(blind), limits)
    with pytest.raises(
        LimitError, match=r"query needs 1501 samples, the limit \(query.max_samples\) is 1500"
    ):
        engine.instant("rate(m[1h])", _END_MS)
    engine.close()


def test_a_query_ends_at_its_deadline(storage: MemoryStorage, limits: QueryLimits) -> None:
    now = iter(range(1000))
    engine = Engine(
        storage, Catalogue(storage), replace(limits, max_series=100), clock=lambda: float(next(now))
    )

    with pytest.raises(DeadlineError, match=r"query timed out after 3 s \(query.timeout_s\)"):
        engine.instant("m0 + m1 + m0 + m1", 0, deadline=Deadline(3, lambda: float(next(now))))
    engine.close()


@pytest.mark.parametrize(
    "query", ['{x=~"(.*a.{1,900}){1}"}', 'label_replace(m, "a", "$1", "x", "(.*a.{1,900})")']
)
def test_slow_regular_expressions_end_at_the_deadline(query: str) -> None:
    storage = MemoryStorage()
    series = [canonical({"__name__": "m", "x": f"ab{i}" * 50}) for i in range(2000)]
    storage.append(series, np.arange(2000), np.zeros(2000, np.int64), np.zeros(2000))
    now = iter(range(1000))
    engine = Engine(storage, Catalogue(storage))

    with pytest.raises(DeadlineError):
        engine.instant(query, 0, deadline=Deadline(6, lambda: float(next(now))))
    engine.close()


def test_a_long_pattern_is_refused() -> None:
    with pytest.raises(InputError, match="regular expression has 100001 bytes, at most 100000 are allowed"):
        compile_regex("a" * 100_001)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(x+x+)+y", "([a-z]+)*!", "(.*)*(.*)*="])
def test_patterns_that_explode_elsewhere_take_linear_time_here(pattern: str) -> None:
    storage = MemoryStorage()
    series = [canonical({"__name__": "m", "x": "a" * 20_000 + str(i)}) for i in range(10)]
    storage.append(series, np.arange(10), np.zeros(10, np.int64), np.zeros(10))
    engine = Engine(storage, Catalogue(storage))

    try:
        engine.instant(f'm{{x=~"{pattern}"}}', 0)
    except Error as error:
        pytest.fail(str(error))
    finally:
        engine.close()


@pytest.mark.parametrize(
    "grow",
    ['label_replace({}, "i", "$1$1", "i", "(.*)")', 'label_join({}, "i", "", "i", "i")'],
    ids=["label_replace", "label_join"],
)
def test_labels_that_grow_with_every_call_are_refused(storage: MemoryStorage, grow: str) -> None:
    engine = Engine(storage, Catalogue(storage), QueryLimits(max_bytes=1_000_000))
    query = "m0"
    for _ in range(40):
        query = grow.format(query)

    with pytest.raises(LimitError, match=r"query needs \d+ bytes, the limit \(query.max_bytes\) is 1000000"):
        engine.instant(query, 0)
    engine.close()
