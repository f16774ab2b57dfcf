"""An outage of ingest, with the collector restarted and killed meanwhile: what is missing afterwards.

    python -m bench.outage [--minutes 10] [--interval 5]

Runs a Swell and a node collector, kills the Swell for so many minutes, stops the collector cleanly once and
kills it once in between, and tells the gaps in a series of the machine.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from tests.e2e.swell import Swell
from tests.e2e.test_collectors import collector
from tests.peers import wait_until


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.outage", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--interval", type=float, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="swell-outage-") as name:
        stamps = run(Path(name), arguments.minutes * 60, arguments.interval)
    gaps = [b - a for a, b in pairwise(stamps)]
    late = [round(gap, 1) for gap in gaps if gap > 1.5 * arguments.interval]
    over_s = stamps[-1] - stamps[0]
    print(f"{len(stamps)} samples over {over_s:.0f} s, one every {arguments.interval:g} s expected")
    print(f"longest distance {max(gaps):.2f} s; distances beyond 1.5 intervals: {late or 'none'}")


def run(directory: Path, away_s: float, interval_s: float) -> list[float]:
    """Times of the samples of one series, from before the outage to after it."""
    swell = Swell(directory / "swell" / "data", ("--no-collect.enabled",)).start()
    flags = ("--collect.interval-s", str(interval_s), "--collect.instance", "n1")
    node, spool = directory / "node", directory / "node" / "spool" / "node" / "swell"
    begin_s = time.time()
    with ExitStack() as stack:
        stack.callback(swell.stop)
        with collector("node", swell.url, node, *flags) as first:
            wait_until(lambda: bool(swell.instant("node_load1")), "the first pass", 60)
            swell.kill()
            print("ingest is away", flush=True)
            time.sleep(away_s / 3)
            first.send_signal(signal.SIGTERM)
            first.wait()
        with collector("node", swell.url, node, *flags):
            time.sleep(away_s / 3)
        with collector("node", swell.url, node, *flags):  # the one before was killed
            time.sleep(away_s / 3)
            print(f"{len(list(spool.glob('*.body')))} bodies wait", flush=True)
            back_s = time.time()
            swell.start()
            wait_until(lambda: not list(spool.glob("*.body")), "an empty spool", 180)
            print(f"all sent {time.time() - back_s:.0f} s after the start of ingest", flush=True)
            time.sleep(2 * interval_s)
            end_s = time.time()
        rows = swell.instant(f"node_load1[{round(end_s - begin_s)}s]", end_s)
        return sorted(stamp for row in rows for stamp, _ in row["values"])


if __name__ == "__main__":
    main()
