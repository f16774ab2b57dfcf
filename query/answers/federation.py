"""The newest sample of selected series as text, for another Prometheus to scrape (web/federate.go)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from query.deadline import Deadline
from query.engine import Engine
from query.render.histograms import number_texts
from storage.model import METRIC_NAME, Labels, Matcher, canonical

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def federation_of(
    engine: Engine, selectors: Sequence[Sequence[Matcher]], at_ms: int, deadline: Deadline
) -> bytes:
    """Every series that matches any selector and has a sample within the lookback, with its time.

    Native histograms have no form in the text format and are left out.
    """
    found: dict[Labels, str] = {}
    for matchers in selectors:
        found.update(_lines(engine, matchers, at_ms, deadline))
    lines, last = [], None
    for labels in sorted(found, key=lambda one: (dict(one).get(METRIC_NAME, ""), one)):
        name = dict(labels).get(METRIC_NAME, "")
        if name != last:
            lines.append(f"# TYPE {_name(name)} untyped")
            last = name
        lines.append(found[labels])
    return "".join(f"{line}\n" for line in lines).encode()


def _lines(engine: Engine, matchers: Sequence[Matcher], at_ms: int, deadline: Deadline) -> dict[Labels, str]:
    """The line of each series."""
    samples = engine.newest(matchers, at_ms, deadline=deadline)
    if samples.cells is not None:
        samples = samples.where(samples.cells.at < 0)
    texts, found = number_texts(samples.values), {}
    owners = np.repeat(np.arange(samples.labels.size), np.diff(samples.offsets))
    rows = samples.labels.take(owners).rows()
    for row, text, time_ms in zip(rows, texts, samples.timestamps_ms.tolist(), strict=True):
        labels = canonical(row)
        found[labels] = f"{_series(labels)} {text} {time_ms}"
    return found


def _series(labels: Labels) -> str:
    name = dict(labels).get(METRIC_NAME, "")
    inside = [f'{_name(key)}="{_escaped(value)}"' for key, value in labels if key != METRIC_NAME]
    if _name(name) != name:
        inside.insert(0, _name(name))
        name = ""
    return name + ("{" + ",".join(inside) + "}" if inside else "")


def _name(name: str) -> str:
    """A name, quoted where the text format of old has no place for it."""
    plain = name.replace("_", "a").replace(":", "a")
    return name if plain.isascii() and plain.isalnum() and not name[0].isdigit() else f'"{_escaped(name)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
