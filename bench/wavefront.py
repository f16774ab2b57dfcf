"""How fast Wavefront's lines become columns: `python -m bench.wavefront`.

The fleet of bench.payloads as points: 7 tags a series, 2,000 lines a body. One core; the best of several
rounds, since other programs only ever slow one down.
"""

import cramjam

from bench.decode import report
from bench.payloads import Fleet, bodies
from ingest.aliases.table import Aliases
from ingest.limits import Limits
from ingest.protocols.remote_write import decode_v1
from ingest.protocols.wavefront.decoder import decode
from ingest.series.table import SeriesTable

_ROWS = 1_000_000
_DELTA = '"∆'.encode()


def main() -> None:
    fleet = Fleet(end_ms=1_700_000_010_000, samples_per_series=5)
    requests = [decode_v1(bytes(cramjam.snappy.decompress_raw(body))) for body in bodies(fleet)]
    raws = [
        b"\n".join(_line(dict(request.labels(i)), fleet.end_ms) for i in range(len(request.label_start)))
        for request in requests[: len(requests) // fleet.samples_per_series]
    ]
    table, aliases = SeriesTable(Limits()), Aliases(256 << 20)
    for _ in range(3):
        for raw in raws:
            table.resolve(decode(raw, fleet.end_ms, _ROWS, aliases, table.familiar), fleet.end_ms)
    odd = [raw.replace(b" source=", b"  source = ") for raw in raws[:2]]
    deltas = [b"\n".join(line.replace(b'"', _DELTA, 1) for line in raw.split(b"\n")) for raw in raws]

    def known() -> None:
        for raw in raws:
            decode(raw, fleet.end_ms, _ROWS, aliases, table.familiar)

    def new(which: list[bytes]) -> None:
        fresh = SeriesTable(Limits())
        for raw in which:
            decode(raw, fleet.end_ms, _ROWS, Aliases(256 << 20), fresh.familiar)

    print(f"{sum(map(len, raws)) / fleet.series:.0f} bytes a line")
    report("known points, lines", fleet.series, known)
    report("new points, lines", fleet.series, lambda: new(raws))
    report("odd new points, lines", sum(raw.count(b"\n") + 1 for raw in odd), lambda: new(odd))
    report("new deltas, lines", fleet.series, lambda: new(deltas))


def _line(labels: dict[str, str], time_ms: int) -> bytes:
    name, source = labels.pop("__name__"), labels.pop("instance")
    tags = " ".join(f'{key}="{value}"' for key, value in labels.items())
    return f'"{name}" 12345.5 {time_ms // 1000} source="{source}" {tags}'.encode()


if __name__ == "__main__":
    main()
