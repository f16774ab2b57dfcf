"""What the processors are: /proc/cpuinfo. A part of the collector `cpu` that is off by default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from collector.families import Reading, Row, gauge, grouped
from collector.node.roots import Roots

# label -> key of /proc/cpuinfo
_LABELS: Mapping[str, str] = {
    "package": "physical id",
    "core": "core id",
    "cpu": "processor",
    "vendor": "vendor_id",
    "family": "cpu family",
    "model": "model",
    "model_name": "model name",
    "microcode": "microcode",
    "stepping": "stepping",
    "cachesize": "cache size",
}
INFO = gauge("node_cpu_info", "CPU information from /proc/cpuinfo.", *_LABELS)
FREQUENCY = gauge(
    "node_cpu_frequency_hertz", "CPU frequency in hertz from /proc/cpuinfo.", "package", "core", "cpu"
)
FLAG = gauge(
    "node_cpu_flag_info",
    "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.",
    "flag",
)
BUG = gauge(
    "node_cpu_bug_info",
    "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.",
    "bug",
)
_MEGAHERTZ = 1e6


def parse(text: str) -> list[dict[str, str]]:
    """/proc/cpuinfo to the fields of each processor; blocks that do not name one are left out."""
    blocks = []
    for block in text.split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        fields = {key.strip(): value.strip() for key, _, value in pairs}
        if "processor" in fields:
            blocks.append(fields)
    return blocks


@dataclass(frozen=True, slots=True)
class CpuInfo:
    """Reads the processors, and the flags and bugs of the first one that match; None gives none."""

    flags: re.Pattern[str] | None = None
    bugs: re.Pattern[str] | None = None

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError, ValueError."""
        return grouped(self._rows(parse(roots.proc_text("cpuinfo"))))

    def _rows(self, processors: Sequence[Mapping[str, str]]) -> Iterator[Row]:
        for fields in processors:
            labels = tuple(fields.get(key, "") for key in _LABELS.values())
            yield INFO, labels, 1.0
            if fields.get("cpu MHz"):
                yield FREQUENCY, labels[:3], float(fields["cpu MHz"]) * _MEGAHERTZ
        for key, family, pattern in (("flags", FLAG, self.flags), ("bugs", BUG, self.bugs)):
            if processors and pattern:
                for word in filter(pattern.search, processors[0].get(key, "").split()):
                    yield family, (word,), 1.0
