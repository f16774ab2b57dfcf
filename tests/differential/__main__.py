"""`python -m tests.differential --count 10000 --seed 1`: prints the counts and each difference, shrunk."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.differential.prometheus import Prometheus, find_program
from tests.differential.run import Comparison


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    program, version = find_program()
    if program is None:
        print(version)
        return 2
    with tempfile.TemporaryDirectory() as directory:
        prometheus = Prometheus(program, Path(directory))
        comparison = Comparison(prometheus, arguments.seed)
        for found in comparison.run(arguments.count):
            print(found, flush=True)
        comparison.close()
        prometheus.close()
    print(f"Prometheus {version}, seed {arguments.seed}: {comparison.counts}")
    return 1 if comparison.counts.different else 0


if __name__ == "__main__":
    sys.exit(main())
