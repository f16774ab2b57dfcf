"""How fast remote-write 1.0 bodies become columns, and series ids: `python -m bench.decode`.

The fleet of bench.payloads: 8 labels a series, one sample a series and request, 2,000 series a request. One
core; the best of several rounds, since other programs only ever slow one down.
"""

import time
from collections.abc import Callable

import cramjam

from bench.payloads import Fleet, bodies
from ingest.limits import Limits
from ingest.protocols.exposition import decode as decode_text
from ingest.protocols.remote_write import decode_v1
from ingest.series.table import SeriesTable

ROUNDS = 9


def main() -> None:
    fleet = Fleet(end_ms=1_700_000_010_000, samples_per_series=5)
    raws = [bytes(cramjam.snappy.decompress_raw(body)) for body in bodies(fleet)]
    requests = [decode_v1(raw) for raw in raws]
    first = requests[: len(requests) // fleet.samples_per_series]
    known = SeriesTable(Limits())
    for request in requests:
        known.resolve(request, fleet.end_ms)
    lines = b"\n".join(_line(dict(first[0].labels(i))) for i in range(len(first[0].label_start)))

    report("decode 1.0, series", fleet.samples, lambda: [decode_v1(raw) for raw in raws])
    report("resolve known, series", fleet.samples, lambda: [known.resolve(r, fleet.end_ms) for r in requests])
    report("resolve new, series", fleet.series, lambda: learn(fleet, first))
    report("text format, lines", lines.count(b"\n") + 1, lambda: decode_text(lines, 0, False))


def learn(fleet: Fleet, requests: list) -> None:
    table = SeriesTable(Limits())
    for request in requests:
        table.resolve(request, fleet.end_ms)


def report(what: str, count: int, work: Callable[[], object]) -> None:
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    print(f"{what:24} {count / min(seconds) / 1e6:8.3f} M/s")


def _line(labels: dict[str, str]) -> bytes:
    name = labels.pop("__name__")
    pairs = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{pairs}}} 12345.5".encode()


if __name__ == "__main__":
    main()
