"""Metrics that other programs leave in files: *.prom in Prometheus's text format."""

from __future__ import annotations

import glob
import logging
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from collector.families import Family, MetricType, Reading, gauge
from collector.node.roots import Roots, listing, read_text

log = logging.getLogger(__name__)

ERROR = gauge("node_textfile_scrape_error", "1 if there was an error opening or reading a file, 0 otherwise")
MTIME = gauge("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.", "file")

_LARGEST_BYTES = 16 << 20
# What the collector says itself of a pass.
_RESERVED = re.compile(r"^(up|scrape_.*|swell_.*|node_textfile_.*|node_scrape_collector_.*)$")

Labels = tuple[tuple[str, str], ...]


class Metric(NamedTuple):
    """A metric of a file. samples: values by the name that they bear and their labels, sorted by name."""

    name: str
    type: MetricType
    help: str
    samples: dict[str, dict[Labels, float]]


class File(NamedTuple):
    """A file as it was when it was last read."""

    stamp: tuple[int, int, int]
    mtime_s: float
    metrics: list[Metric]


def parse(text: str) -> list[Metric]:
    """Of two samples of one series the first counts.

    Raises ValueError for a text that is not in the format, has timestamps or speaks for the collector; the
    library raises KeyError and IndexError too.
    """
    found = []
    for family in text_string_to_metric_families(text):
        samples: dict[str, dict[Labels, float]] = {}
        for sample in family.samples:
            if sample.timestamp is not None:
                raise ValueError(f"{sample.name} has a timestamp, expected none: a pass gives the time")
            if _RESERVED.match(sample.name):
                raise ValueError(f"{sample.name} is the collector's own")
            labels = tuple(sorted(sample.labels.items()))
            samples.setdefault(sample.name, {}).setdefault(labels, float(sample.value))
        found.append(Metric(family.name, _type(family.type), family.documentation, samples))
    return found


def _type(name: str) -> MetricType:
    try:
        return MetricType(name)
    except ValueError:
        return MetricType.UNKNOWN


def merged(files: Mapping[str, Iterable[Metric]]) -> tuple[list[Reading], bool]:
    """Metrics by path to readings, and whether a metric was left out for contradicting an earlier file's.

    A metric is one family over all files; its series bear the labels that any of them has.
    """
    known: dict[str, tuple[Metric, list[str]]] = {}
    clash = False
    for path, metrics in files.items():
        for metric in metrics:
            first, paths = known.setdefault(metric.name, (metric._replace(samples={}), []))
            if (first.type, first.help) != (metric.type, metric.help):
                clash = True
                continue
            paths.append(path)
            clash |= _add(first.samples, metric.samples)
    readings = [each for metric, paths in known.values() for each in _readings(metric, paths)]
    return readings, clash


def _add(into: dict[str, dict[Labels, float]], samples: Mapping[str, Mapping[Labels, float]]) -> bool:
    """Whether some series was there already, which then stays."""
    clash = False
    for name, rows in samples.items():
        there = into.setdefault(name, {})
        for labels, value in rows.items():
            clash |= there.setdefault(labels, value) is not value
    return clash


def _readings(metric: Metric, paths: list[str]) -> Iterator[Reading]:
    text = metric.help or f"Metric read from {', '.join(paths)}"
    for name, rows in metric.samples.items():
        names = tuple(sorted({label for labels in rows for label, _ in labels}))
        part_of = metric.name if metric.type in (MetricType.HISTOGRAM, MetricType.SUMMARY) else ""
        family = Family(name, metric.type, text, names, part_of)
        values = {
            tuple(map(dict(labels).get, names, [""] * len(names))): value for labels, value in rows.items()
        }
        yield family.rows({tuple(each or "" for each in key): value for key, value in values.items()})


@dataclass(slots=True)
class TextFiles:
    """Reads the files of `directories`, which may be patterns; a file is parsed when it has changed."""

    directories: tuple[str, ...] = ()
    known: dict[str, File] = field(default_factory=dict)
    found: tuple[list[Reading], bool] = field(default_factory=lambda: ([], False))

    def __call__(self, _roots: Roots) -> list[Reading]:
        """One reading. What is wrong with a file is an error of its own, and its metrics are left out."""
        paths, error = self._paths()
        files: dict[str, File] = {}
        for path in paths:
            try:
                files[path] = self._file(path)
            except (OSError, ValueError, KeyError, IndexError) as reason:
                error = True
                self._log(path, reason)
        if files != self.known:
            self.found = merged({path: file.metrics for path, file in files.items()})
            self.known = files
        readings, clash = self.found
        mtimes = MTIME.by({path: file.mtime_s for path, file in files.items()})
        return [*readings, mtimes, ERROR.one(float(error or clash))]

    def _paths(self) -> tuple[list[str], bool]:
        """All files, and whether a directory could not be read."""
        paths, error = [], False
        for pattern in self.directories:
            for directory in sorted(glob.glob(pattern)) or [pattern]:  # noqa: PTH207 - paths as they are given
                try:
                    paths += [f"{directory}/{name}" for name in listing(directory) if name.endswith(".prom")]
                except OSError as reason:
                    error = True
                    self._log(directory, reason)
        return paths, error

    def _file(self, path: str) -> File:
        about = os.stat(path)  # noqa: PTH116 - a third of the time of a Path
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_BYTES:
            raise ValueError(f"expected a file of at most {_LARGEST_BYTES} bytes")
        stamp = (about.st_mtime_ns, about.st_size, about.st_ino)
        known = self.known.get(path)
        if known is not None and known.stamp == stamp:
            return known
        return File(stamp, about.st_mtime, parse(read_text(path)))

    def _log(self, path: str, reason: Exception) -> None:
        log.debug("textfile %s: %s", path, reason)
