"""One pass over all collectors of a node. What fails in one of them never stops the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from collector.families import Reading, gauge
from collector.node.roots import Roots
from collector.node.sources import Source

log = logging.getLogger(__name__)

DURATION = gauge(
    "node_scrape_collector_duration_seconds", "node_exporter: Duration of a collector scrape.", "collector"
)
BUILD = gauge(
    "node_exporter_build_info",
    "A metric with a constant '1' value labeled by version and goos of what stands for node_exporter here.",
    "version",
    "goos",
)
SUCCESS = gauge("node_scrape_collector_success", "node_exporter: Whether a collector succeeded.", "collector")


@dataclass(frozen=True, slots=True, eq=False)
class NodeReading:
    """What a pass found. up: whether any collector succeeded."""

    readings: list[Reading]
    up: bool


@dataclass(slots=True)
class NodeReader:
    """Runs the collectors one after another; `perf` is a clock for durations, in seconds."""

    sources: Mapping[str, Source]
    roots: Roots
    perf: Callable[[], float] = time.perf_counter
    failing: dict[str, str] = field(default_factory=dict)
    build: Reading = field(default_factory=lambda: BUILD.rows({(version("swell"), "linux"): 1.0}))

    def read(self) -> NodeReading:
        """One pass, with the duration and success of each collector.

        A family belongs to the first collector that has it.
        """
        found: list[Reading] = []
        durations, successes = {}, {}
        owners: dict[str, str] = {}
        for name, source in self.sources.items():
            begin = self.perf()
            readings = self._run(name, source)
            durations[name] = self.perf() - begin
            successes[name] = float(readings is not None)
            # What a file of an operator says must not be sent beside what the machine says.
            found += [each for each in readings or () if owners.setdefault(each.family.name, name) == name]
        found += [DURATION.by(durations), SUCCESS.by(successes), self.build]
        return NodeReading(found, any(successes.values()))

    def _run(self, name: str, source: Source) -> list[Reading] | None:
        try:
            readings = source(self.roots)
        except FileNotFoundError as error:
            self._log(logging.INFO, name, f"there is no {error.filename}")
            return None
        except Exception as error:  # noqa: BLE001 - a kernel's surprise in one file must not cost the others
            self._log(logging.WARNING, name, f"{type(error).__name__}: {error}")
            return None
        self.failing.pop(name, None)
        return readings

    def _log(self, level: int, name: str, reason: str) -> None:
        """Once a reason: a machine without, say, pressure would fill the log."""
        if self.failing.get(name) != reason:
            self.failing[name] = reason
            log.log(level, "collector %s has nothing: %s", name, reason)
