"""The parsers, each with bodies to start from. A new protocol is a row."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from collector.encode import requests_v1
from collector.scrape.live import Live
from collector.scrape.naming import Naming
from collector.scrape.page import Quota, Reader
from collector.scrape.protobuf import ProtobufMemory, ProtobufReader
from collector.scrape.summary import SummaryReader
from collector.scrape.text import TextMemory, TextReader
from collector.target import Target
from ingest.aliases.table import Aliases
from ingest.decoded import Decoded
from ingest.limits import Limits
from ingest.protocols import collectd, exposition, opentsdb, remote_write
from ingest.protocols.graphite import lines as graphite
from ingest.protocols.graphite import pickled
from ingest.protocols.influx import lines as influx
from ingest.protocols.otlp.json_body import to_protobuf
from ingest.protocols.otlp.translator import Translator
from ingest.protocols.pushed.exposed import Exposed, read_text
from ingest.protocols.pushed.families import read_families
from ingest.protocols.wavefront import decoder as wavefront
from ingest.pushed.group import Group
from ingest.series.table import SeriesTable
from ingest.wire.encoding import encode_labels, encode_v1
from storage.model import Metadata
from tests.ingest.messages import Request
from tests.ingest.otlp_requests import as_json, as_protobuf, request_of
from tests.ingest.pushed_messages import family, message

CASES = Path(__file__).parents[1] / "ingest" / "cases"
NOW_MS = 1_700_000_000_000
MOST_ROWS = 10_000
MOST_LABEL_BYTES = 1 << 20
_NAME = Naming(Target("http://fuzz/metrics", "fuzz", {"job": "fuzz"}), {"cluster": "c"}).encoded


class Memory:
    """What parsers remember between bodies, as in a process that runs for long."""

    def __init__(self) -> None:
        self.table = SeriesTable(Limits(max_past_ms=1 << 50))
        self.aliases = Aliases(1 << 20)
        self.translator = Translator()
        self.pages = {"text": TextMemory(), "openmetrics": TextMemory()}
        self.families = ProtobufMemory()


@dataclass(frozen=True, slots=True)
class Parser:
    """How bodies are read, and those to start from."""

    read: Callable[[bytes, Memory], Decoded]
    bodies: Callable[[], Iterator[bytes]]


def _cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((CASES / f"{name}.json").read_text())
    return found


def _texts(name: str) -> Iterator[bytes]:
    for case in _cases(name):
        if "body" in case:
            yield str(case["body"]).encode()
        elif "json" in case:
            yield json.dumps(case["json"]).encode()


def _otlp(write: Callable[[dict[str, Any]], bytes]) -> Iterator[bytes]:
    for case in _cases("otlp"):
        yield write(request_of(case))


def _otlp_protobuf(raw: bytes, memory: Memory) -> Decoded:
    return memory.translator.decode(raw, NOW_MS, MOST_ROWS, MOST_LABEL_BYTES, memory.table.familiar)


def _remote_write_1() -> Iterator[bytes]:
    series = [encode_labels((("__name__", f"m{i}"), ("job", "x" * i))) for i in range(4)]
    index = np.arange(4)
    yield encode_v1(series, index, index + NOW_MS, index * 1.5, [Metadata("m1", "counter", "about", "s")])
    for case in _cases("histograms")[:20]:
        row = Request().timeseries.add().histograms.add(**case["message"])
        content = series[0] + b"\x22" + bytes([len(row.SerializeToString()) & 0x7F]) + row.SerializeToString()
        yield b"\x0a" + bytes([len(content) & 0x7F]) + content


def _remote_write_2() -> Iterator[bytes]:
    for case in _cases("histograms")[:20]:
        request = Request(symbols=[b"", b"__name__", b"m", b"trace_id", b"abc"])
        series = request.timeseries.add(labels_refs=[1, 2])
        series.histograms.add(**case["message"])
        series.samples.add(value=1.5, timestamp=NOW_MS)
        series.exemplars.add(labels_refs=[3, 4], value=2)
        yield request.SerializeToString()


def _expositions() -> Iterator[bytes]:
    yield b'# TYPE a counter\n# HELP a b\\n\na_total{x="y",z="\\"q"} 1.5 1700000000000\n{"b.c","d"="e"} NaN\n'
    yield b'# TYPE h histogram\nh_bucket{le="+Inf"} 3 1.5 # {trace_id="x"} 0.5 1.5\nh_created 1\n# EOF\n'


def _pickles() -> Iterator[bytes]:
    for points in ([("a.b", (NOW_MS // 1000, 1.5))], [["c;d=e", [1.5, "2"]]], []):
        for protocol in (0, 2, 4):
            frame = pickle.dumps(points, protocol)
            yield len(frame).to_bytes(4, "big") + frame


def _wavefront() -> Iterator[bytes]:
    yield b'cpu.load 1.5 1700000000 source=web-1 "a b"="c d"\n\xe2\x88\x86delta 3 source=x\n'
    yield b'!M 1700000000 #20 1.5 #3 -2 h source=x k=v\n@Event 1 2 "n" severity=info host=a\n'
    yield b'@SourceTag action=add source=x a b\n@SourceDescription action=save source=x "d"\n~m 1 source=y\n'


def _pushed(exposed: Exposed) -> Decoded:
    """A push goes to a group first, which is made of its series; nothing of it is decoded to columns here."""
    group = Group((("job", "fuzz"),))
    for samples in exposed.families.values():
        group.owned(samples)
    return exposition.decode(b"", NOW_MS, False, MOST_ROWS)


def _families() -> Iterator[bytes]:
    label = (1, message((1, "l"), (2, "x")))
    histogram = message((1, 3), (2, 9.0), (3, message((1, 2), (2, 1.0))))
    summary = message((1, 7), (2, 8.0), (3, message((1, 0.5), (2, 4.0))))
    yield family((1, "c"), (2, "help"), (3, 0), (4, message(label, (3, message((1, 1.5))))))
    yield family((1, "h"), (3, 4), (4, message(label, (7, histogram)))) + family((1, "g"), (5, "s"))
    yield family((1, "s"), (3, 2), (4, message((4, summary))))


def _scraped(raw: bytes, reader: Reader) -> Decoded:
    """A page in two pieces, as what the scraper makes of it would arrive."""
    reader.feed(raw[: len(raw) // 2])
    reader.feed(raw[len(raw) // 2 :])
    sweep = Live("fuzz", ()).sweep(reader.finish(), (), NOW_MS, ())
    return remote_write.decode_v1(requests_v1(sweep), MOST_ROWS)


def _text_reader(memory: Memory, media: str) -> Reader:
    return TextReader(memory.pages[media], _NAME, Quota(MOST_ROWS), media == "openmetrics")


def _summaries() -> Iterator[bytes]:
    space = {"time": "2026-01-01T00:00:00Z", "usedBytes": 1, "capacityBytes": 5, "inodes": 7}
    container = {"name": "c", "rootfs": space, "logs": space}
    pod = {"podRef": {"name": "p", "namespace": "n", "uid": "u"}, "containers": [container]}
    volume = {**space, "name": "v", "pvcRef": {"name": "claim", "namespace": "n"}}
    more = {"volume": [volume], "ephemeral-storage": space, "process_stats": {"process_count": 1}}
    node = {"nodeName": "x", "fs": space, "runtime": {"imageFs": space}, "rlimit": {"maxpid": 9}}
    yield json.dumps({"node": node, "pods": [{**pod, **more}]}).encode()


PARSERS = {
    "remote_write_1": Parser(
        lambda raw, memory: remote_write.decode_v1(raw, MOST_ROWS, memory.table.familiar), _remote_write_1
    ),
    "remote_write_2": Parser(
        lambda raw, _: remote_write.decode_v2(raw, MOST_ROWS, MOST_LABEL_BYTES), _remote_write_2
    ),
    "text": Parser(lambda raw, _: exposition.decode(raw, NOW_MS, False, MOST_ROWS), _expositions),
    "openmetrics": Parser(lambda raw, _: exposition.decode(raw, NOW_MS, True, MOST_ROWS), _expositions),
    "otlp_protobuf": Parser(_otlp_protobuf, lambda: _otlp(as_protobuf)),
    "otlp_json": Parser(lambda raw, memory: _otlp_protobuf(to_protobuf(raw), memory), lambda: _otlp(as_json)),
    "influx": Parser(
        lambda raw, memory: influx.decode(
            raw, NOW_MS, "", MOST_ROWS, memory.aliases, memory.table.familiar, MOST_LABEL_BYTES
        ),
        lambda: _texts("influx"),
    ),
    "graphite": Parser(lambda raw, _: graphite.decode(raw, NOW_MS, MOST_ROWS), lambda: _texts("graphite")),
    "graphite_pickle": Parser(lambda raw, _: pickled.decode(raw, NOW_MS, MOST_ROWS), _pickles),
    "opentsdb_telnet": Parser(
        lambda raw, _: opentsdb.decode_lines(raw, NOW_MS, MOST_ROWS), lambda: _texts("opentsdb_telnet")
    ),
    "opentsdb_http": Parser(
        lambda raw, _: opentsdb.decode_json(raw, NOW_MS, MOST_ROWS), lambda: _texts("opentsdb_http")
    ),
    "collectd": Parser(lambda raw, _: collectd.decode(raw, NOW_MS, MOST_ROWS), lambda: _texts("collectd")),
    "wavefront": Parser(
        lambda raw, memory: wavefront.decode(
            raw, NOW_MS, MOST_ROWS, memory.aliases, memory.table.familiar, MOST_LABEL_BYTES
        ),
        _wavefront,
    ),
    "pushed_text": Parser(lambda raw, _: _pushed(read_text(raw, True, MOST_ROWS)), _expositions),
    "scraped_text": Parser(lambda raw, memory: _scraped(raw, _text_reader(memory, "text")), _expositions),
    "scraped_openmetrics": Parser(
        lambda raw, memory: _scraped(raw, _text_reader(memory, "openmetrics")), _expositions
    ),
    "scraped_protobuf": Parser(
        lambda raw, memory: _scraped(
            raw, ProtobufReader(memory.families, _NAME, Quota(MOST_ROWS), classic_too=True)
        ),
        _families,
    ),
    "scraped_summary": Parser(
        lambda raw, memory: _scraped(
            raw, SummaryReader(TextReader(memory.pages["text"], _NAME, Quota(MOST_ROWS), False))
        ),
        _summaries,
    ),
    "pushed_families": Parser(lambda raw, _: _pushed(read_families(raw, MOST_ROWS)), _families),
}
