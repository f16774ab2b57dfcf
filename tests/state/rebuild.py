"""Objects made again from what kube-state-metrics said of them, where a capture has no objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.state.series import Families

FIELDS: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "rebuild.yaml").read_text())
"""Resource -> its name's label, and where values, times and labels of its families come from."""


def rebuilt(plural: str, families: Families) -> list[dict[str, Any]]:
    """The objects of a resource."""
    spec = FIELDS[plural]
    objects: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for family, samples in families.items():
        how = spec["families"].get(family)
        for series, value in samples.items():
            labels = dict(series)
            if how is None or spec["name"] not in labels:
                continue
            item = objects[labels.get("namespace", ""), labels[spec["name"]]]
            _put(item, "metadata.name", labels[spec["name"]])
            _put(item, "metadata.namespace", labels.get("namespace", ""))
            _apply(item, how, labels, value)
    return list(objects.values())


def _apply(item: dict[str, Any], how: Any, labels: Mapping[str, str], value: float) -> None:
    """how: a path for the value, or what becomes of labels and value, by the names in `_WAYS`."""
    if isinstance(how, str):
        _put(item, how, int(value) if value == int(value) else value)
        return
    for way, setting in how.items():
        if way in _WAYS:
            _WAYS[way](item, setting, how, labels, value)


Way = Callable[[dict[str, Any], Any, Mapping[str, Any], Mapping[str, str], float], None]


def _labels(item: dict[str, Any], paths: Any, how: Any, labels: Any, value: float) -> None:
    for label, path in paths.items():
        if label in labels:
            _put(item, path, labels[label])


def _time(item: dict[str, Any], path: Any, how: Any, labels: Any, value: float) -> None:
    _put(item, path, datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _each(item: dict[str, Any], path: Any, how: Any, labels: Any, value: float) -> None:
    one = {to: labels[label] for label, to in how["of"].items() if label in labels}
    if one:
        _list(item, path).append({**one, **how.get("with", {})})


def _chosen(item: dict[str, Any], path: Any, how: Any, labels: Any, value: float) -> None:
    if value == 1:
        _put(item, path, labels[how["of"]])


def _map(item: dict[str, Any], where: Any, how: Any, labels: Any, value: float) -> None:
    prefix, path = where
    found = {name.removeprefix(prefix): text for name, text in labels.items() if name.startswith(prefix)}
    _put(item, path, found)


def _amounts(item: dict[str, Any], path: Any, how: Any, labels: Any, value: float) -> None:
    _at(item, f"{path}.{labels['type']}")[labels["resource"]] = str(value)


def _condition(item: dict[str, Any], label: Any, how: Any, labels: Any, value: float) -> None:
    if value == 1:
        status = {"true": "True", "false": "False", "unknown": "Unknown"}[labels[label]]
        type_ = how.get("type") or labels["condition"]
        found = {"type": type_, "status": status, "reason": labels.get("reason")}
        _list(item, "status.conditions").append(found)


def _counted(item: dict[str, Any], _: Any, how: Any, labels: Any, value: float) -> None:
    found = {"type": labels["condition"].title(), "status": "True"}
    _list(item, "status.conditions").extend([found] * int(value))


def _metric(item: dict[str, Any], where: Any, how: Any, labels: Any, value: float) -> None:
    names = {"utilization": "averageUtilization", "average": "averageValue", "value": "value"}
    target = {names[labels["metric_target_type"]]: int(value)}
    source = {"name": labels["metric_name"], where[1]: target}
    _list(item, where[0]).append({"type": "Resource", "resource": source})


_WAYS: Mapping[str, Way] = {
    "labels": _labels,
    "flag": lambda item, path, how, labels, value: _put(item, path, bool(value)),
    "text": lambda item, path, how, labels, value: _put(item, path, str(int(value))),
    "time": _time,
    "each": _each,
    "names": lambda item, path, how, labels, value: _list(item, path).append(labels[how["of"]]),
    "chosen": _chosen,
    "map": _map,
    "amounts": _amounts,
    "condition": _condition,
    "counted": _counted,
    "length": lambda item, path, how, labels, value: _put(item, path, "A" * (int(value) * 4 // 3)),
    "metric": _metric,
}


def _at(item: dict[str, Any], path: str) -> dict[str, Any]:
    for step in path.split("."):
        item = item.setdefault(step, {})
    return item


def _put(item: dict[str, Any], path: str, value: Any) -> None:
    *steps, last = path.split(".")
    parent = _at(item, ".".join(steps)) if steps else item
    if isinstance(value, dict):
        parent.setdefault(last, {}).update(value)
    else:
        parent[last] = value


def _list(item: dict[str, Any], path: str) -> list[Any]:
    *steps, last = path.split(".")
    found: list[Any] = (_at(item, ".".join(steps)) if steps else item).setdefault(last, [])
    return found
