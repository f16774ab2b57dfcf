"""What of a sweep a destination gets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from collector.selection import Selection, Selector
from collector.sweep import Example, Spread, Sweep
from collector.symbols import label_pairs
from ingest.relabel.rules import Action, Rule
from ingest.wire.encoding import encode_labels

SERIES = [
    {"__name__": "node_load1", "instance": "a"},
    {"__name__": "node_cpu_seconds_total", "cpu": "0", "mode": "idle"},
    {"__name__": "node_cpu_seconds_total", "cpu": "1", "mode": "idle"},
    {"__name__": "kube_pod_info", "namespace": "kube-system", "uid": "u1"},
    {"__name__": "kube_pod_info", "namespace": "shop", "uid": "u2"},
]
CASES: list[tuple[dict[str, Any], list[int]]] = [
    ({}, [0, 1, 2, 3, 4]),
    ({"metric_allow": ("node_*",)}, [0, 1, 2]),
    ({"metric_allow": ("node_*",), "metric_deny": ("*_total",)}, [0]),
    ({"metric_deny": ("kube_pod_info", "node_load?")}, [1, 2]),
    ({"label_allow": {"namespace": ("kube-*",)}}, [3]),
    ({"label_allow": {"namespace": ("kube-*",), "cpu": ("1",)}}, [2, 3]),
    ({"label_deny": {"namespace": ("*",)}}, [0, 1, 2]),
    ({"rules": (Rule(Action.DROP, ("__name__",), regex="node_.*"),)}, [3, 4]),
    ({"rules": (Rule(Action.LABEL_DROP, regex="__name__"),)}, []),
]


def sweep(lines: list[bytes] | None = None, **further: Any) -> Sweep:
    found = [encode_labels(tuple(sorted(each.items()))) for each in SERIES] if lines is None else lines
    return Sweep(
        "s", found, np.arange(len(found), dtype=np.float64), np.arange(len(found), dtype=np.int64), **further
    )


def labels(line: bytes) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in label_pairs(line)}


@pytest.mark.parametrize(("given", "rows"), CASES)
def test_lists_and_rules_choose_series(given: dict[str, Any], rows: list[int]) -> None:
    selector = Selector(Selection(**given))

    for _ in range(2):
        found = selector.apply(sweep())
        assert [labels(line) for line in found.lines] == [SERIES[row] for row in rows]
        assert found.values.tolist() == found.times_ms.tolist() == rows
    assert selector.filtered == 2 * (len(SERIES) - len(rows))


def test_nothing_is_copied_where_nothing_is_chosen() -> None:
    given = sweep()

    assert Selector(Selection()).apply(given) is given


def test_labels_are_left_out_and_series_that_become_the_same_are_sent_once() -> None:
    selector = Selector(Selection(label_exclude=("cpu", "u?d")))

    found = selector.apply(sweep())

    assert [labels(line) for line in found.lines] == [
        {"__name__": "node_load1", "instance": "a"},
        {"__name__": "node_cpu_seconds_total", "mode": "idle"},
        {"__name__": "kube_pod_info", "namespace": "kube-system"},
        {"__name__": "kube_pod_info", "namespace": "shop"},
    ]
    assert selector.duplicates == 1


def test_a_list_of_labels_that_are_kept_leaves_the_name() -> None:
    found = Selector(Selection(label_include=("mode",))).apply(sweep())

    assert labels(found.lines[0]) == {"__name__": "node_load1"}


def test_histograms_and_exemplars_follow_their_series() -> None:
    histogram = encode_labels((("__name__", "node_seconds"),))
    given = sweep(
        histograms=[
            Spread(encode_labels((("__name__", "kube_seconds"),)), b"k"),
            Spread(histogram, b"n"),
        ],
        exemplars=[Example(0, b"", 0.0, 0), Example(2, b"", 2.0, 0), Example(6, b"", 6.0, 0)],
    )

    found = Selector(Selection(metric_deny=("node_load1", "kube_*"))).apply(given)

    assert [spread.encoded for spread in found.histograms] == [b"n"]
    assert [(one.row, one.value) for one in found.exemplars] == [(1, 2.0), (2, 6.0)]


def test_series_that_come_later_are_chosen_too() -> None:
    selector = Selector(Selection(metric_allow=("node_*",)))
    selector.apply(sweep(lines=[encode_labels((("__name__", "kube_a"),))]))

    assert len(selector.apply(sweep()).lines) == 3
