"""Sweeps as Prometheus's text format, for eyes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from collector.sweep import Sweep
from collector.symbols import label_pairs
from storage.model import Metadata

_SUFFIXES = ("_bucket", "_count", "_sum", "_total")


def exposition(sweeps: Iterable[Sweep]) -> str:
    """The text of all samples, one family after another; native histograms are named in comments."""
    rows: dict[str, list[str]] = {}
    families: dict[str, Metadata] = {}
    for sweep in sweeps:
        families |= {each.metric: each for each in sweep.metadata}
        for line, value in zip(sweep.lines, sweep.values.tolist(), strict=True):
            _add(rows, families, line, f"{_series(line)} {value!r}")
        for spread in sweep.histograms:
            _add(rows, families, spread.line, f"# native histogram {_series(spread.line)}")
    return "".join(f"{line}\n" for name in sorted(rows) for line in (*_head(families, name), *rows[name]))


def _add(rows: dict[str, list[str]], families: Mapping[str, Metadata], line: bytes, text: str) -> None:
    name = dict(label_pairs(line)).get(b"__name__", b"").decode()
    rows.setdefault(_family(families, name), []).append(text)


def _family(families: Mapping[str, Metadata], name: str) -> str:
    if name in families:
        return name
    bases = (name.removesuffix(suffix) for suffix in _SUFFIXES)
    return next((base for base in bases if base in families), name)


def _head(families: Mapping[str, Metadata], name: str) -> list[str]:
    known = families.get(name)
    if known is None:
        return []
    text = known.help.replace("\\", "\\\\").replace("\n", "\\n")
    kind = "untyped" if known.type == "unknown" else known.type
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _series(line: bytes) -> str:
    labels = {name.decode(): value.decode() for name, value in label_pairs(line)}
    name = labels.pop("__name__", "")
    inner = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
    return f"{name}{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
