"""How fast bodies become columns, and series ids: `python -m bench.decode`.

The fleet of bench.payloads: 8 labels a series, one sample a series and request, 2,000 series a request. One
core; the best of several rounds, since other programs only ever slow one down.
"""

import time
from collections.abc import Callable

import cramjam

from bench.payloads import Fleet, bodies, influx_bodies
from ingest.aliases.table import Aliases
from ingest.limits import Limits
from ingest.protocols import opentsdb
from ingest.protocols.exposition import decode as decode_text
from ingest.protocols.graphite import lines as graphite_lines
from ingest.protocols.influx import lines
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
    text = b"\n".join(_line(dict(first[0].labels(i))) for i in range(len(first[0].label_start)))

    report("decode 1.0, series", fleet.samples, lambda: [decode_v1(raw) for raw in raws])
    report("resolve known, series", fleet.samples, lambda: [known.resolve(r, fleet.end_ms) for r in requests])
    report("resolve new, series", fleet.series, lambda: learn(fleet, first))
    report("text format, lines", text.count(b"\n") + 1, lambda: decode_text(text, 0, False))
    report_lines(fleet, known)


def report_lines(fleet: Fleet, known: SeriesTable) -> None:
    """The other text formats, with the same names and tags."""
    raws = list(influx_bodies(fleet))
    met = Aliases(1 << 28)

    def influx(aliases: Aliases) -> list:
        return [lines.decode(raw, 0, "", 1 << 20, aliases, known.familiar) for raw in raws]

    for _ in range(3):
        influx(met)
    report("Influx, lines met before", fleet.samples, lambda: influx(met))
    report("Influx, lines with new tags", fleet.samples, lambda: influx(Aliases(1 << 28)))
    heads = [line.partition(b" ")[0] for line in raws[0].split(b"\n") if line]
    graphite = b"".join(head.replace(b",", b";") + b" 12345.5 1700000000\n" for head in heads)
    report("Graphite, lines", len(heads), lambda: graphite_lines.decode(graphite, 0, 1 << 20))
    puts = b"".join(b"put %s 1700000000 12345.5 %s\n" % _put(head) for head in heads)
    report("OpenTSDB, puts", len(heads), lambda: opentsdb.decode_lines(puts, 0, 1 << 20))


def _put(head: bytes) -> tuple[bytes, bytes]:
    name, _, tags = head.partition(b",")
    return name, tags.replace(b",", b" ")


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
    print(f"{what:28} {count / min(seconds) / 1e6:8.3f} M/s")


def _line(labels: dict[str, str]) -> bytes:
    name = labels.pop("__name__")
    pairs = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return f"{name}{{{pairs}}} 12345.5".encode()


if __name__ == "__main__":
    main()
