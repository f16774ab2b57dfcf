"""Changes bodies at random and reads them: `python -m tests.fuzz NAME SECONDS [SEED]`, NAME may be `all`.

Kernels run with their bounds checked, compiled for that into build/checked. A body that ends in an exception
other than storage.errors', takes longer than a second of CPU, or breaks the series table is kept in
tests/fuzz/found/NAME/, where a test reads it from then on.
"""

from __future__ import annotations

import hashlib
import os
import random
import resource
import sys
import time
from pathlib import Path

from storage.errors import Error
from tests.fuzz.parsers import NOW_MS, PARSERS, Memory, Parser

FOUND = Path(__file__).parent / "found"
MOST_S = 1.0
BODIES_A_MEMORY = 5_000
_ODD_BYTES = b"\x00\x01\x7f\x80\xff\n \"',=\\{}[]"


def main() -> None:
    if os.environ.get("NUMBA_BOUNDSCHECK") != "1":
        checked = {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(Path("build/checked").resolve())}
        os.execve(sys.executable, [sys.executable, "-m", "tests.fuzz", *sys.argv[1:]], os.environ | checked)
    name, seconds = sys.argv[1], float(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(1 << 32)
    names = list(PARSERS) if name == "all" else [name]
    bad = [each for each in names if not fuzz(each, PARSERS[each], seconds / len(names), random.Random(seed))]
    sys.exit(f"found bodies that break {', '.join(bad)}" if bad else 0)


def fuzz(name: str, parser: Parser, seconds: float, rng: random.Random) -> bool:
    """Whether no body broke the parser."""
    bodies = [*parser.bodies(), b"\n"]
    for body in bodies:  # compiles what has to be
        problem(parser, body, Memory())
    read, slowest, end = 0, 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        if read % BODIES_A_MEMORY == 0:
            memory = Memory()
        raw = changed(rng, bodies)
        start = time.process_time()
        found = problem(parser, raw, memory)
        took = time.process_time() - start
        slowest, read = max(slowest, took), read + 1
        if found or took > MOST_S:
            print(f"{name}: {found or f'{took:.1f} s'}: {keep(name, raw)}")
            return False
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{name}: {read} bodies, the slowest {slowest * 1000:.0f} ms, at most {resident} MiB", flush=True)
    return True


def problem(parser: Parser, raw: bytes, memory: Memory) -> str:
    """What went wrong that must not; "" where the body was read or refused."""
    try:
        decoded = parser.read(raw, memory)
        resolved = memory.table.resolve(decoded.every_row(), NOW_MS)
    except Error:
        return ""
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    return "" if len(resolved.keep) == len(decoded.every_row().series_index) else "rows are missing"


def changed(rng: random.Random, bodies: list[bytes]) -> bytes:
    """A body with a few bytes changed, taken out, or put in from another."""
    raw = bytearray(rng.choice(bodies))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        kind, place = rng.random(), rng.randrange(len(raw) + 1)
        if kind < 0.4 and place < len(raw):
            raw[place] = rng.choice((rng.choice(_ODD_BYTES), raw[place] ^ 1 << rng.randrange(8)))
        elif kind < 0.55:
            del raw[place : place + rng.randrange(1, 9)]
        elif kind < 0.7:
            raw[place:place] = rng.randbytes(rng.randrange(1, 6))
        elif kind < 0.75:
            raw[place:place] = raw[place : place + 20] * rng.randrange(1, 50)
        else:
            other = rng.choice(bodies)
            start = rng.randrange(len(other) + 1)
            raw[place:place] = other[start : start + rng.randrange(1, 60)]
    return bytes(raw)


def keep(name: str, raw: bytes) -> Path:
    """Store a body as data for the test."""
    path = FOUND / name / hashlib.sha256(raw).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


if __name__ == "__main__":
    main()
