"""The band of a series: one function, however its history is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.models.envelope import Bands, Direction, Seasonality, Setting, State, advance
from storage.errors import InputError
from storage.model import Float64Array
from tests.models.twin import Twin

QUARTER = Setting(step_ms=900_000)
SLOT = 100_000


def series(count: int, slots: int, seed: int = 1) -> Float64Array:
    """Days and weeks, noise, a shift of level, spikes and holes."""
    random = np.random.default_rng(seed)
    at = np.arange(slots)
    values = (
        100 + 20 * np.sin(at * 2 * np.pi / 96) + 5 * (at // 96 % 7 > 4) + random.normal(0, 2, (count, slots))
    )
    values[:, slots // 2 :] += 40
    values[random.random((count, slots)) < 0.03] = np.nan
    values[0, slots // 3 : slots // 3 + 30] = np.nan
    values[random.random((count, slots)) < 0.002] *= 3
    return values


def equal(one: Bands, other: Bands, rtol: float = 0.0) -> None:
    for name in ("lower", "expected", "upper", "score"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, atol=rtol)


@pytest.mark.parametrize("seasonality", list(Seasonality))
@pytest.mark.parametrize("step_ms", [900_000, 60_000])
def test_the_kernel_equals_its_plain_twin(seasonality: Seasonality, step_ms: int) -> None:
    setting = Setting(step_ms, seasonality=seasonality)
    values = series(4, 2_500)

    found = advance(State.new(4, setting), setting, SLOT, values)

    equal(found, Twin(4, setting).advance(SLOT, values), 1e-9)


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 1_999), max_size=5), seed=st.integers(0, 5))
def test_any_cut_of_history_into_fit_and_stream_gives_the_same_band(cuts: list[int], seed: int) -> None:
    values = series(3, 2_000, seed)
    whole = advance(State.new(3, QUARTER), QUARTER, SLOT, values)
    state, parts = State.new(3, QUARTER), []

    for low, high in zip([0, *sorted(cuts)], [*sorted(cuts), 2_000], strict=True):
        parts.append(advance(state, QUARTER, SLOT + low, values[:, low:high]))

    joined = (
        np.concatenate([getattr(part, name) for part in parts], axis=1)
        for name in ("lower", "expected", "upper", "score")
    )
    equal(Bands(*joined), whole)


def test_only_the_slots_asked_for_are_written_and_they_are_the_same() -> None:
    values = series(2, 1_000)
    whole = advance(State.new(2, QUARTER), QUARTER, SLOT, values)

    tail = advance(State.new(2, QUARTER), QUARTER, SLOT, values, kept=10)

    np.testing.assert_array_equal(tail.score, whole.score[:, -10:])


def test_a_spike_is_outside_and_its_side_counts() -> None:
    values = series(1, 900, 3)
    values[0, -1] = 400.0

    scores = {
        side: advance(State.new(1, one), one, SLOT, values, 1).score[0, 0]
        for side in Direction
        for one in [Setting(900_000, direction=side)]
    }

    assert scores[Direction.BOTH] == scores[Direction.ABOVE] > 1
    assert scores[Direction.BELOW] == 0


def test_a_shift_of_level_is_reported_then_taken_over() -> None:
    random = np.random.default_rng(2)
    values = random.normal(100, 2, (1, 96 * 14))
    values[0, 96 * 10 :] += 60

    score = advance(State.new(1, QUARTER), QUARTER, SLOT, values).score[0]

    assert score[96 * 10] > 1
    assert np.nanmax(score[96 * 10 + 8 :]) < 1


def test_the_first_points_after_a_long_gap_never_alarm() -> None:
    values = np.random.default_rng(2).normal(100, 2, (1, 960))
    values[0, 500:600] = np.nan
    values[0, 600:] += 80

    score = advance(State.new(1, QUARTER), QUARTER, SLOT, values).score[0]

    assert np.nanmax(score[600:610]) < 1


def test_a_young_series_has_no_band_yet() -> None:
    bands = advance(State.new(1, QUARTER), QUARTER, SLOT, np.full((1, 40), 5.0))

    assert np.isnan(bands.upper[0, :30]).all()
    assert np.isfinite(bands.upper[0, 30:]).all()


def test_a_wrong_step_is_refused() -> None:
    with pytest.raises(InputError, match="divide a day"):
        Setting(step_ms=7_000_000)
