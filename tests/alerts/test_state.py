"""The life of an alert on a virtual clock: cases as data, and what must hold for any history."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alerts.state import Alert, Element, Phase, RuleState, restore, step
from query.durations import parse_duration_ms
from storage.errors import ExecutionError, LimitError
from storage.model import is_stale

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "states" / "cases.yaml").read_text())
MINUTE_MS = 60_000
LABELS = (("alertname", "High"), ("pod", "a"))


@dataclass(frozen=True, slots=True)
class Rule:
    for_ms: int = 0
    keep_firing_for_ms: int = 0


def vector(word: str) -> list[Element]:
    return [] if word == "." else [Element(LABELS, (), float(word))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["rule"])
def test_phases_follow_what_the_rule_sees(case: dict[str, Any]) -> None:
    rule = Rule(parse_duration_ms(case.get("for", "0")), parse_duration_ms(case.get("keep_firing_for", "0")))
    state, phases = RuleState(), []

    for minute, word in enumerate(case["sees"].split()):
        state = step(state, minute * MINUTE_MS, vector(word), rule).state
        alert = state.alerts.get(LABELS)
        phases.append("." if alert is None else alert.phase.value[0])

    assert phases == case["phases"].split()


def test_samples_tell_the_phase_and_markers_end_it() -> None:
    rule = Rule(for_ms=MINUTE_MS)
    names, stale = [], []
    state = RuleState()
    for minute, word in enumerate(["1", "1", "."]):
        done = step(state, minute * MINUTE_MS, vector(word), rule)
        state = done.state
        names.append([dict(series).get("alertstate", "for_state") for series in done.samples.series])
        stale.append(is_stale(done.samples.values).tolist())

    assert names == [["pending", "for_state"], ["firing", "for_state", "pending"], ["firing", "for_state"]]
    assert stale == [[False, False], [False, False, True], [True, True]]


def test_two_elements_of_the_same_labels_are_refused() -> None:
    with pytest.raises(ExecutionError, match="same labelset"):
        step(RuleState(), 0, vector("1") * 2, Rule())


def test_more_alerts_than_the_limit_are_refused() -> None:
    two = [Element((("pod", name),), (), 1.0) for name in "ab"]

    with pytest.raises(LimitError, match="exceeded limit of 1 with 2 alerts"):
        step(RuleState(), 0, two, Rule(), limit=1)


@pytest.mark.parametrize(
    ("pending_min", "down_min", "fires_in_min"),
    [
        pytest.param(70, 5, 0, id="an alert that was firing fires on"),
        pytest.param(55, 5, 10, id="an alert near its end fires when the grace is over"),
        pytest.param(20, 5, 40, id="the time that Swell was down does not count"),
    ],
)
def test_a_restart_gives_pending_alerts_their_time_back(
    pending_min: int, down_min: int, fires_in_min: int
) -> None:
    rule, now_ms = Rule(for_ms=60 * MINUTE_MS), 1_000 * MINUTE_MS
    down_at_ms = now_ms - down_min * MINUTE_MS
    active_s = (down_at_ms - pending_min * MINUTE_MS) / 1000
    fresh = step(RuleState(), now_ms, vector("1"), rule).state

    state = restore(fresh, now_ms, rule, {LABELS: (down_at_ms, active_s)})

    fires_at_ms = now_ms + fires_in_min * MINUTE_MS
    if fires_in_min:
        assert phase_at(state, fires_at_ms - 1, rule) is Phase.PENDING
    assert phase_at(state, fires_at_ms, rule) is Phase.FIRING


def phase_at(state: RuleState, now_ms: int, rule: Rule) -> Phase:
    found: Alert = step(state, now_ms, vector("1"), rule).state.alerts[LABELS]
    return found.phase


@given(
    seen=st.lists(st.booleans(), max_size=40),
    for_min=st.integers(0, 5),
    keep_min=st.integers(0, 5),
)
def test_it_never_fires_early_and_writes_exactly_what_is_active(
    seen: list[bool], for_min: int, keep_min: int
) -> None:
    rule = Rule(for_min * MINUTE_MS, keep_min * MINUTE_MS)
    state, run_min = RuleState(), 0
    for minute, present in enumerate(seen):
        done = step(state, minute * MINUTE_MS, vector("1" if present else "."), rule)
        before, state = state, done.state
        alert = state.alerts.get(LABELS)
        run_min = run_min + 1 if present else 0
        fired_now = any(change.alert.phase is Phase.FIRING for change in done.transitions)
        assert not fired_now or run_min > for_min
        live = {
            s for s, gone in zip(done.samples.series, is_stale(done.samples.values), strict=True) if not gone
        }
        assert bool(live) == (alert is not None and alert.is_active)
        assert live == state.written
        assert set(done.samples.series) - live == before.written - live
