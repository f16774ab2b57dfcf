"""Series of text expositions, of objects and of sweeps, all in one shape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from collector.kube.change import Change
from collector.kube.change import Kind as Step
from collector.state.choice import StateChoice
from collector.state.state import OWN, State
from collector.state.table import KINDS
from collector.symbols import label_pairs

Series = frozenset[tuple[str, str]]
Families = Mapping[str, Mapping[Series, float]]
"""Family -> labels without the empty ones -> value."""

NOW_MS = 1_782_468_900_000
OWN_NAMES = {family.name for family in OWN}


def of_text(text: str) -> Families:
    """The samples of an exposition."""
    found: dict[str, dict[Series, float]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name][_series(sample.labels)] = sample.value
    return found


def of_state(state: State) -> Families:
    """The samples of a sweep, without those that tell of the sweep itself."""
    found: dict[str, dict[Series, float]] = defaultdict(dict)
    for sweep in state.sweeps(NOW_MS):
        for line, value in zip(sweep.lines, sweep.values.tolist(), strict=True):
            pairs = {name.decode(): text.decode() for name, text in label_pairs(line)}
            assert [*pairs] == sorted(pairs)
            name = pairs.pop("__name__")
            if name not in OWN_NAMES:
                series = _series(pairs)
                assert series not in found[name]
                found[name][series] = value
    return found


def of_objects(plural: str, objects: Iterable[Any], choice: StateChoice | None = None) -> Families:
    """The samples of objects as the API has them."""
    state = State({}, choice or StateChoice(resources=frozenset({plural})))
    feed(state, plural, objects)
    assert state.stocks[plural].refused == 0, state.stocks[plural].error
    return of_state(state)


def feed(state: State, plural: str, objects: Iterable[Any]) -> None:
    """A whole list of objects."""
    for item in objects:
        state.take(plural, Change(Step.SET, decoded(plural, item)))
    state.take(plural, Change(Step.SYNCED))


def decoded(plural: str, item: Any) -> Any:
    """An object as the client decodes it."""
    return msgspec.json.decode(msgspec.json.encode(item), type=KINDS[plural].resource.struct)


def _series(labels: Mapping[str, str]) -> Series:
    return frozenset((name, value) for name, value in labels.items() if value)
