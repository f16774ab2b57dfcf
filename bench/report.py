"""The text of docs/performance.md."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from bench.ingest import IngestFigures
from bench.payloads import Fleet
from bench.systems import System


def render(
    fleet: Fleet,
    systems: Sequence[System],
    ingested: dict[str, dict[str, list[IngestFigures]]],
    asked: dict[str, list[float]],
    runs: int,
    connections: int,
) -> str:
    """The whole page: machine, versions, command, ingest table, query table."""
    names = [system.name for system in systems]
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `make bench`. All systems ran on the same machine in the same run, in turns, each "
            "with its defaults, on the same bytes. Compare the ratios: absolute times belong to the machine.",
            "",
            f"- Machine: {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {_processor()}",
            f"- Versions: {', '.join(_version(system) for system in systems)}",
            f"- Data: {fleet.series:,} series of {fleet.metrics} metrics, 8 labels, "
            f"{fleet.samples_per_series} samples every 15 s, {fleet.series_per_request:,} series a request, "
            f"{connections} connections; the sender shares the cores",
            "",
            "## Ingest",
            "",
            f"The same samples by each protocol; medians of {runs} runs. Swell answers after an fsync, its "
            "peers before one. CPU counts until the process is at rest, so work put off is included; "
            "queries are not.",
            "",
            *(line for title, figures in ingested.items() for line in _ingest_section(title, figures)),
            "## Queries",
            "",
            "Milliseconds from the request to the last byte of the answer, medians; VictoriaMetrics with "
            "`nocache=1`, since the other two keep no results either.",
            "",
            _table(["query", *names], [[title, *map(_ms, row)] for title, row in asked.items()]),
            "",
        ]
    )


def _ingest_section(title: str, ingested: dict[str, list[IngestFigures]]) -> list[str]:
    names = list(ingested)
    return [f"### {title}", "", _table(["", *names], _ingest_rows(names, ingested)), ""]


def _ingest_rows(names: Sequence[str], ingested: dict[str, list[IngestFigures]]) -> list[list[str]]:
    figures: list[tuple[str, Callable[[IngestFigures], float], str]] = [
        ("samples/s", lambda run: run.samples_per_s, ",.0f"),
        ("CPU µs a sample", lambda run: run.cpu_us_per_sample, ".2f"),
        ("resident memory, MiB", lambda run: run.memory_bytes / (1 << 20), ",.0f"),
        ("bytes on disk a sample, log included", lambda run: run.disk_bytes_per_sample, ".2f"),
    ]
    rows = []
    for title, figure, form in figures:
        medians = [statistics.median(figure(run) for run in ingested[name]) for name in names]
        rows.append([title, *(format(value, form) for value in medians)])
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ms(value: float) -> str:
    return f"{value:.1f}"


def _version(system: System) -> str:
    if system.name == "Swell":
        return f"Swell {version('swell')} (chDB {version('chdb-core')})"
    flag = "-version" if system.name == "VictoriaMetrics" else "--version"
    answer = subprocess.run([system.binary, flag], capture_output=True, text=True, check=False)
    said = (answer.stdout + answer.stderr).strip().partition("\n")[0]
    return f"{system.name} ({said or _packaged(system.binary)})"


def _packaged(binary: str) -> str:
    """The version of Debian's package; its VictoriaMetrics was built without telling its own."""
    asked = ["dpkg-query", "-W", "-f", "${Version}", Path(binary).name]
    if shutil.which(asked[0]) is None:
        return "version unknown"
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return f"Debian {answer.stdout}" if answer.returncode == 0 else "version unknown"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
