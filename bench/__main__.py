"""Run Swell, VictoriaMetrics and Prometheus on the same bytes in the same run; write docs/performance.md.

python -m bench [--runs N] [--connections N] [--victoria-metrics PATH] [--prometheus PATH]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench import ingest, query, report
from bench.payloads import STEP_MS, Fleet, bodies
from bench.systems import System, started, systems

_OTHERS = "\n## Collectors\n"


def main() -> None:
    arguments = _arguments()
    fleet = Fleet(end_ms=int(time.time() * 1000) // STEP_MS * STEP_MS)
    payloads = list(bodies(fleet))
    known = systems(arguments.victoria_metrics, arguments.prometheus)
    with tempfile.TemporaryDirectory(prefix="swell-bench-") as name:
        root = Path(name)
        ingested = {
            protocol.title: _ingest(known, fleet, protocol, arguments, root) for protocol in ingest.PROTOCOLS
        }
        asked = _query(known, fleet, payloads, arguments, root)
    text = report.render(fleet, known, ingested, asked, arguments.runs, arguments.connections)
    arguments.output.write_text(text + _others(arguments.output))
    print(text)


def _ingest(
    known: list[System], fleet: Fleet, protocol: ingest.Protocol, arguments: argparse.Namespace, root: Path
) -> dict[str, list[ingest.IngestFigures]]:
    takers = [system for system in known if system.name in protocol.taken_by]
    figures: dict[str, list[ingest.IngestFigures]] = {system.name: [] for system in takers}
    payloads = list(protocol.bodies(fleet))
    for run in range(arguments.runs):
        for system in takers:
            with started(system, root / f"{protocol.title}-{run}-{system.name}") as running:
                found = ingest.measure(running, fleet, payloads, arguments.connections, protocol)
            figures[system.name].append(found)
            print(protocol.title, system.name, found, flush=True)
    return figures


def _query(
    known: list[System], fleet: Fleet, payloads: list[bytes], arguments: argparse.Namespace, root: Path
) -> dict[str, list[float]]:
    with ExitStack() as stack:
        running = [stack.enter_context(started(system, root / f"query-{system.name}")) for system in known]
        for one in running:
            ingest.measure(one, fleet, payloads, arguments.connections)
        table = {}
        for case in query.CASES:
            table[case.title] = query.measure(running, fleet, case, arguments.query_runs)
            print(case.title, [round(value, 1) for value in table[case.title]], flush=True)
        return table


def _others(path: Path) -> str:
    """What other benchmarks found, which stands behind `_OTHERS` in the file that is written anew."""
    _, heading, rest = path.read_text().partition(_OTHERS) if path.exists() else ("", "", "")
    return heading + rest


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="ingest runs of each system")
    parser.add_argument("--query-runs", type=int, default=11, help="runs of each query")
    parser.add_argument("--connections", type=int, default=10, help="concurrent senders")
    parser.add_argument("--victoria-metrics", default="victoria-metrics", help="program or path")
    parser.add_argument("--prometheus", default="prometheus", help="program or path")
    parser.add_argument("--output", type=Path, default=Path("docs/performance.md"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
