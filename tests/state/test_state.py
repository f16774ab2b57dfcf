"""Changes of objects as sweeps: what is kept, what ends, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from collector.kube.change import Change
from collector.kube.change import Kind as Step
from collector.state.choice import Allowed, StateChoice
from collector.state.shard import Shard
from collector.state.state import Calls, State
from collector.state.table import KINDS
from collector.sweep import Sweep
from collector.symbols import label_pairs
from storage.model import is_stale
from tests.state.series import NOW_MS, decoded, feed

TARGET = {"job": "kube-state-metrics", "instance": "state", "cluster": "prod"}
PODS = StateChoice(resources=frozenset({"pods"}))


def _pod(name: str, phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    about = {"name": name, "namespace": "shop", "uid": f"uid-{name}", **metadata}
    return {"metadata": about, "status": {"phase": phase}}


def _state(choice: StateChoice = PODS, **more: Any) -> State:
    return State(TARGET, choice, **more)


def _set(state: State, pod: dict[str, Any]) -> None:
    state.take("pods", Change(Step.SET, decoded("pods", pod)))


def _gone(state: State, pod: dict[str, Any]) -> None:
    state.take("pods", Change(Step.GONE, decoded("pods", pod)))


def _sweep(state: State, at_ms: int = NOW_MS) -> tuple[dict[str, float], list[Sweep]]:
    """Samples by a readable name, and the sweeps."""
    sweeps = list(state.sweeps(at_ms))
    found = {}
    for sweep in sweeps:
        assert len(sweep.lines) == len(sweep.values) == len(sweep.times_ms)
        assert set(sweep.times_ms.tolist()) <= {at_ms}
        for line, value in zip(sweep.lines, sweep.values.tolist(), strict=True):
            name = _readable(line)
            assert name not in found
            found[name] = value
    return found, sweeps


def _readable(line: bytes) -> str:
    pairs = {name.decode(): value.decode() for name, value in label_pairs(line)}
    assert {**pairs, **TARGET} == pairs
    name = pairs.pop("__name__")
    return f"{name}{ {key: pairs[key] for key in pairs if key not in TARGET} }"


def _ended(sweep: Sweep) -> list[str]:
    stale = is_stale(sweep.values)
    return [_readable(line) for line, ends in zip(sweep.lines, stale.tolist(), strict=True) if ends]


def _phase(name: str, phase: str) -> str:
    labels = {"namespace": "shop", "phase": phase, "pod": name, "uid": f"uid-{name}"}
    return f"kube_pod_status_phase{labels}"


def test_every_series_has_the_labels_of_the_target() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    found, _ = _sweep(state)

    assert found[_phase("a", "Running")] == 1
    assert found["up{}"] == 1
    assert found["scrape_samples_scraped{}"] == len([name for name in found if name.startswith("kube_pod_")])
    assert found["scrape_series_added{}"] == found["scrape_samples_scraped{}"]
    assert found["swell_collector_state_objects{'resource': 'pods'}"] == 1


def test_nothing_is_told_of_a_resource_before_its_list_is_whole() -> None:
    state = _state()
    _set(state, _pod("a"))
    early, _ = _sweep(state)
    state.take("pods", Change(Step.SYNCED))
    late, _ = _sweep(state)

    assert not any(name.startswith("kube_pod_") for name in early)
    assert _phase("a", "Running") in late


def test_series_of_an_object_that_is_gone_end_once() -> None:
    state = _state()
    feed(state, "pods", [_pod("a"), _pod("b")])
    _sweep(state)
    _gone(state, _pod("b"))
    _, [pods, _] = _sweep(state)
    _, [after, _] = _sweep(state)

    assert _ended(pods)
    assert all("'pod': 'b'" in name for name in _ended(pods))
    assert not _ended(after)
    assert not any("'pod': 'b'" in _readable(line) for line in after.lines)


def test_a_series_that_an_object_loses_ends() -> None:
    state = _state()
    feed(state, "pods", [{**_pod("a"), "spec": {"nodeName": "node1"}}])
    _sweep(state)
    _set(state, {**_pod("a"), "spec": {"nodeName": "node2"}})
    found, [pods, _] = _sweep(state)

    assert [name.partition("{")[0] for name in _ended(pods)] == ["kube_pod_info"]
    assert "'node': 'node1'" in _ended(pods)[0]
    assert found["scrape_series_added{}"] == 1


def test_an_object_that_comes_back_before_the_sweep_has_not_ended() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    _sweep(state)
    _gone(state, _pod("a"))
    _set(state, _pod("a"))
    _, [pods, _] = _sweep(state)

    assert not _ended(pods)


def test_an_object_made_anew_under_its_name_is_another() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    _sweep(state)
    _set(state, _pod("a", uid="other"))
    found, [pods, _] = _sweep(state)

    assert all("uid-a" in name for name in _ended(pods))
    assert len(_ended(pods)) == found["scrape_series_added{}"]


def test_what_a_later_list_lacks_is_gone() -> None:
    state = _state()
    feed(state, "pods", [_pod("a"), _pod("b")])
    feed(state, "pods", [_pod("a")])
    _sweep(state)
    found, _ = _sweep(state)

    assert _phase("a", "Running") in found
    assert _phase("b", "Running") not in found


def test_series_stay_the_same_objects_while_nothing_changes() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    _, [first, _] = _sweep(state)
    _set(state, _pod("a"))
    _set(state, _pod("a", phase="Failed"))
    found, [second, _] = _sweep(state)

    assert all(one is other for one, other in zip(first.lines, second.lines, strict=True))
    assert found[_phase("a", "Failed")] == 1


def test_a_sweep_is_for_a_hundred_objects() -> None:
    state = _state()
    feed(state, "pods", [_pod(f"p{number}") for number in range(250)])
    _, sweeps = _sweep(state)

    assert [sweep.source for sweep in sweeps] == ["state/pods/1", "state/pods/2", "state/pods/3", "state"]
    assert len({len(sweep.lines) for sweep in sweeps[:2]}) == 1


def test_a_source_without_objects_says_that_it_is_its_last_sweep() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    _sweep(state)
    _gone(state, _pod("a"))
    _, [last, _] = _sweep(state)
    _, sweeps = _sweep(state)

    assert last.is_last
    assert np.all(is_stale(last.values))
    assert [sweep.source for sweep in sweeps] == ["state"]


def test_metadata_is_told_at_first_and_every_few_minutes() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    told = [len(_sweep(state, NOW_MS + seconds * 1000)[1][0].metadata) for seconds in (0, 30, 300)]

    assert told[0] == told[2] > 40
    assert told[1] == 0


def test_all_series_end_when_another_collector_takes_over() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    found, _ = _sweep(state)
    ends = list(state.last(NOW_MS + 1))

    assert all(sweep.is_last for sweep in ends)
    assert {name for sweep in ends for name in _ended(sweep)} == set(found)
    assert _sweep(state)[0]["scrape_samples_scraped{}"] == 0


def test_changes_between_the_sweeps_of_one_round_are_not_lost() -> None:
    state = _state()
    feed(state, "pods", [_pod("a")])
    _sweep(state)
    _gone(state, _pod("a"))
    round_ = state.sweeps(NOW_MS)
    next(round_)
    _set(state, _pod("b"))
    list(round_)

    assert _phase("b", "Running") in _sweep(state)[0]


def test_shards_share_the_objects() -> None:
    pods = [_pod(f"p{number}") for number in range(300)]
    names: list[set[str]] = []
    for ordinal in range(3):
        state = _state(shard=Shard(ordinal, 3))
        feed(state, "pods", pods)
        found, _ = _sweep(state)
        names.append({name for name in found if name.startswith("kube_pod_info")})
        assert found[f"kube_state_metrics_shard_ordinal{ {'shard_ordinal': str(ordinal)} }"] == ordinal
        assert found["kube_state_metrics_total_shards{}"] == 3

    assert len(set.union(*names)) == sum(map(len, names)) == 300
    assert min(map(len, names)) > 50


def test_a_shard_beyond_the_last_is_refused() -> None:
    with pytest.raises(ValueError, match="shard 3 of 3"):
        Shard(3, 3)


def test_calls_of_the_api_are_told_as_kube_state_metrics_tells_them() -> None:
    calls: Mapping[str, Calls] = {"pods": Calls(2, 1, 4, 3, 5)}
    found, _ = _sweep(_state(calls=lambda: calls))

    labels = {"resource": "*v1.pods", "result": "error"}
    assert found[f"kube_state_metrics_list_total{labels}"] == 1
    assert found[f"kube_state_metrics_watch_total{labels}"] == 3
    assert found["swell_collector_state_refused_total{'resource': 'pods'}"] == 5


def test_allowed_labels_and_selectors_are_told() -> None:
    choice = StateChoice(
        frozenset({"pods"}),
        opt_in=frozenset({"kube_pod_nodeselectors"}),
        exclude="kube_pod_status_.*",
        labels=Allowed.parse("pods=[app]"),
        annotations=Allowed.parse("*=[*]"),
    )
    state = _state(choice)
    pod = _pod("a", labels={"app": "web", "secret": "x"}, annotations={"Built/By": "me"})
    feed(state, "pods", [{**pod, "spec": {"nodeSelector": {"disk.type": "ssd"}}}])
    found, _ = _sweep(state)

    one = {"namespace": "shop", "pod": "a", "uid": "uid-a"}
    assert f"kube_pod_labels{ {'label_app': 'web', **one} }" in found
    assert f"kube_pod_annotations{ {'annotation_built_by': 'me', **one} }" in found
    selected = [name for name in found if name.startswith("kube_pod_nodeselectors")]
    assert "'nodeselector_disk_type': 'ssd'" in selected[0]
    assert not any(name.startswith("kube_pod_status_") for name in found)


def test_an_object_that_cannot_be_told_is_refused_and_the_others_are_kept() -> None:
    state = _state()
    bad = {**_pod("bad"), "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "lots"}}}]}}
    feed(state, "pods", [_pod("bad"), _pod("good")])
    _sweep(state)
    _set(state, bad)
    found, [pods, _] = _sweep(state)

    assert found["swell_collector_state_refused_total{'resource': 'pods'}"] == 1
    assert "shop/bad" in state.stocks["pods"].error
    assert _phase("good", "Running") in found
    assert _ended(pods)


IMPOSSIBLE: list[tuple[str, dict[str, Any]]] = [
    ("pods", {"metadata": {"name": "a", "creationTimestamp": "0000-00-00T00:00:00Z"}}),
    ("pods", {"metadata": {"name": "a"}, "status": {"startTime": "soon"}}),
    (
        "cronjobs",
        {
            "metadata": {"name": "a", "creationTimestamp": "9999-12-31T23:59:59Z"},
            "spec": {"schedule": "@daily"},
        },
    ),
    (
        "deployments",
        {
            "metadata": {"name": "a"},
            "spec": {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": "x%"}}},
        },
    ),
    (
        "horizontalpodautoscalers",
        {
            "metadata": {"name": "a"},
            "spec": {"metrics": [{"external": {"metric": {"name": "q"}, "target": {"value": "1e999"}}}]},
        },
    ),
]


@pytest.mark.parametrize(("plural", "item"), IMPOSSIBLE, ids=[plural for plural, _ in IMPOSSIBLE])
def test_an_object_with_an_impossible_value_is_refused(plural: str, item: dict[str, Any]) -> None:
    state = _state(StateChoice(frozenset({plural})))
    feed(state, plural, [item, {"metadata": {"name": "good"}}])

    assert state.stocks[plural].refused == 1
    assert state.stocks[plural].objects == 1


JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-5, 10**20)
    | some.floats(allow_nan=False)
    | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _fields(struct: Any, depth: int = 0) -> some.SearchStrategy[Any]:
    """Objects with the fields of a struct, some missing, some of any type."""
    parts = {}
    for field in msgspec.structs.fields(struct):
        kinds = [one for one in (field.type, *getattr(field.type, "__args__", ())) if isinstance(one, type)]
        nested = next((one for one in kinds if issubclass(one, msgspec.Struct)), None)
        value: some.SearchStrategy[Any] = JSON
        if nested is not None and depth < 3:
            inner = _fields(nested, depth + 1)
            value = inner | some.lists(inner, max_size=2) | JSON
        parts[field.encode_name] = value
    return some.fixed_dictionaries({}, optional=parts)


@pytest.mark.parametrize("plural", KINDS)
def test_no_object_ends_a_sweep(plural: str) -> None:
    kind = KINDS[plural]

    @settings(max_examples=20)
    @given(_fields(kind.resource.struct))
    def whatever(item: Any) -> None:
        state = State({}, StateChoice(resources=frozenset({plural})))
        try:
            found = msgspec.json.decode(msgspec.json.encode(item), type=kind.resource.struct)
        except msgspec.DecodeError:
            return
        state.take(plural, Change(Step.SET, found))
        state.take(plural, Change(Step.SET, kind.resource.struct()))
        state.take(plural, Change(Step.SYNCED))
        for sweep in state.sweeps(NOW_MS):
            assert len(sweep.lines) == len(sweep.values)

    whatever()
