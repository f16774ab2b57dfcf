"""A remote write receiver over real HTTP, whose answers a test scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread

import cramjam
import numpy as np

from ingest.decoded import Decoded
from ingest.protocols.remote_write import decode_v1, decode_v2
from storage.model import Float64Array
from tests.collector.samples import Series, series


@dataclass(frozen=True, slots=True)
class Received:
    """One request that was answered with 2xx."""

    path: str
    headers: Mapping[str, str]
    content: bytes

    @property
    def version(self) -> int:
        return 2 if "write.v2" in self.headers["Content-Type"] else 1

    @property
    def decoded(self) -> Decoded:
        raw = bytes(cramjam.snappy.decompress_raw(self.content))
        return decode_v2(raw) if self.version == 2 else decode_v1(raw)


def samples(decoded: Decoded) -> dict[Series, float]:
    """Values by (name, sorted labels); one sample a series."""
    return dict(zip(names(decoded), decoded.values.tolist(), strict=True))


def bits(decoded: Decoded) -> dict[Series, int]:
    """Values' bits by (name, sorted labels)."""
    values: Float64Array = np.ascontiguousarray(decoded.values)
    return dict(zip(names(decoded), values.view(np.uint64).tolist(), strict=True))


def names(decoded: Decoded) -> list[Series]:
    labels = [dict(decoded.labels(i)) for i in decoded.series_index.tolist()]
    return [series(each.pop("__name__"), each.items()) for each in labels]


@dataclass(slots=True)
class Receiver:
    """`answers` are (status, headers) of the next requests, first to last; 204 when none is left.

    knows: versions of remote write that it takes; for another it answers 415, or, when it `guesses`, 204.
    """

    server: ThreadingHTTPServer
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    always: int | None = None
    knows: tuple[int, ...] = (1, 2)
    guesses: bool = False
    received: list[Received] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    unknown: list[Received] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def take(self, request: Received) -> tuple[int, dict[str, str]]:
        with self.changed:
            answer = (self.always, {}) if self.always else self.answers.pop(0) if self.answers else (204, {})
            if request.version not in self.knows and answer[0] == 204:
                answer = (204 if self.guesses else 415, {})
                self.unknown.append(request)
                return answer
            if request.version == 2 and answer[0] == 204:
                answer = (204, {"X-Prometheus-Remote-Write-Samples-Written": "1", **answer[1]})
            if answer[0] < 300:
                self.received.append(request)
            else:
                self.refused.append(request.content)
            self.changed.notify_all()
        return answer

    def wait_received(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.received) >= count, 20), len(self.received)

    def wait_refused(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.refused) >= count, 20), len(self.refused)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.take(Received(self.path, dict(self.headers), content))
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(server)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
