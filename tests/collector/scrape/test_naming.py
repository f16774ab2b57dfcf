"""Labels of series, as Prometheus merges them."""

import pytest

from collector.scrape.naming import DROPPED, Naming
from collector.symbols import label_pairs
from collector.target import Bounds, Target
from ingest.relabel.rules import Action, Rule
from storage.errors import DecodeError, ScrapeError

JOB = {"job": "kubelet", "instance": "node-1"}


def named(
    own: dict[str, str],
    target: dict[str, str] | None = None,
    external: dict[str, str] | None = None,
    **options: object,
) -> dict[str, str] | None:
    found = Naming(
        Target("http://test/metrics", "test", JOB if target is None else target, **options),  # type: ignore[arg-type]
        external or {},
    ).encoded([("__name__", "m"), *own.items()])
    if found == DROPPED:
        return None
    pairs = [(name.decode(), value.decode()) for name, value in label_pairs(found)]
    assert pairs == sorted(pairs)
    return {name: value for name, value in pairs if name != "__name__"}


CASES = {
    "the target's labels are added": ({"a": "b"}, {}, {"a": "b", **JOB}),
    "a label of the page gives way": ({"job": "x"}, {}, {"exported_job": "x", **JOB}),
    "it gives way to its new name too": (
        {"job": "x", "exported_job": "y"},
        {},
        {"exported_exported_job": "x", "exported_job": "y", **JOB},
    ),
    "an empty label of the page is none": ({"a": "", "job": ""}, {}, JOB),
    "a label of the page is honored": (
        {"job": "x"},
        {"honor_labels": True},
        {"job": "x", "instance": "node-1"},
    ),
    "an empty label of the page is honored as none": (
        {"job": ""},
        {"honor_labels": True},
        {"instance": "node-1"},
    ),
    "rules come after the target's labels": (
        {"a": "b"},
        {"rules": (Rule(source_labels=("instance", "a"), target_label="c"),)},
        {"a": "b", "c": "node-1;b", **JOB},
    ),
    "a rule drops": (
        {"a": "b"},
        {"rules": (Rule(action=Action.DROP, source_labels=("a",), regex="b"),)},
        None,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_labels_are_merged(case: str) -> None:
    own, options, expected = CASES[case]

    assert named(own, **options) == expected


def test_conflicting_names_move_the_shortest_first() -> None:
    target = {"a": "1", "exported_a": "2"}

    assert named({"a": "x", "exported_a": "y"}, target) == {
        **target,
        "exported_exported_a": "x",
        "exported_exported_exported_a": "y",
    }


def test_external_labels_are_added_where_there_is_none_after_all_rules() -> None:
    external = {"cluster": "here", "job": "never"}
    drop = Rule(action=Action.LABEL_DROP, regex="cluster")

    assert named({}, external=external) == {"cluster": "here", **JOB}
    assert named({"cluster": "page"}, external=external) == {"cluster": "page", **JOB}
    assert named({"cluster": "page"}, external=external, rules=(drop,)) == {"cluster": "here", **JOB}


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        (Bounds(labels=3), "label_limit"),
        (Bounds(label_name_bytes=7), "label_name_length_limit"),
        (Bounds(label_value_bytes=6), "label_value_length_limit"),
    ],
)
def test_a_series_beyond_a_limit_refuses_the_page(bounds: Bounds, reason: str) -> None:
    with pytest.raises(ScrapeError) as caught:
        named({"a": "b"}, bounds=bounds)

    assert caught.value.reason == reason


def test_series_within_the_limits_pass() -> None:
    bounds = Bounds(labels=4, label_name_bytes=8, label_value_bytes=7)

    assert named({"a": "b"}, bounds=bounds) == {"a": "b", **JOB}


def test_a_series_needs_a_name_and_each_label_once() -> None:
    naming = Naming(Target("http://test/metrics", "test", JOB))

    with pytest.raises(DecodeError, match="no name"):
        naming.encoded([("a", "b")])
    with pytest.raises(DecodeError, match="twice"):
        naming.encoded([("__name__", "m"), ("a", "b"), ("a", "c")])
