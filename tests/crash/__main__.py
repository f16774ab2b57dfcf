"""`python -m tests.crash --kills 1000 --seed 1`: the crash matrix, at length, told as it goes.

Blocks of kills alternate between one process with its store and a fleet on one ClickHouse. The last line has
the totals; the exit status is 1 where something that was acknowledged is not readable as it was sent.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
from pathlib import Path

from tests.crash import clocks, cuts, damage, disk, kills
from tests.crash.nursery import nursery
from tests.crash.totals import Totals
from tests.peers import ClickHouseServer

_FULL_DISKS = 10
_EMBEDDED_KILLS, _FLEET_KILLS = 10, 30
"""In a block. The embedded store takes its time to open, and a fleet has more to kill."""


def run(count: int, seed: int, root: Path) -> Totals:
    """Every kind of damage, and so many kills; without clickhouse-server, all of one process."""
    rng, total = random.Random(seed), Totals()
    program = ClickHouseServer.program()
    with nursery(root / "nodes.log") as forks:
        for name, found in (
            ("damaged logs", damage.run(root / "damage", rng)),
            ("jumps of the clock", clocks.run(root, rng)),
            ("cut connections", cuts.run(forks, root)),
            ("full disks", disk.run(forks, root / "full", _FULL_DISKS, rng)),
        ):
            total += found
            print(f"  {name}: {found}", flush=True)
        while total.kills < count:
            where, left = root / f"block{total.kills}", count - total.kills
            if program is None or rng.random() < 0.5:
                found = kills.embedded(forks, where, min(left, _EMBEDDED_KILLS), rng)
            else:
                server = ClickHouseServer(where / "clickhouse", program)
                server.start()
                try:
                    found = kills.fleet(forks, server, where, min(left, _FLEET_KILLS), rng)
                finally:
                    server.stop()
            total += found
            print(f"  {found}", flush=True)
    return total


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logging.getLogger("swell").setLevel(logging.CRITICAL)  # a thousand damages are told a thousand times
    with tempfile.TemporaryDirectory(prefix="swell-crash-") as root:
        total = run(arguments.kills, arguments.seed, Path(root))
    print(total)
    return 0 if total.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
