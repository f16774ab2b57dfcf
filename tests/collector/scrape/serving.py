"""An HTTP server whose pages a test scripts, in a thread, on a loopback port."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path gives. before: called before the answer is sent."""

    body: bytes = b""
    status: int = 200
    media: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], object] = lambda: None


@dataclass(slots=True)
class Pages:
    """`answers` by path; `asked` are the paths and headers of requests, in order."""

    port: int
    scheme: str = "http"
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    released: Event = field(default_factory=Event)

    def put(self, body: bytes, path: str = "/metrics", **options: object) -> str:
        """Set a page; gives its URL."""
        self.answers[path] = Answer(body, **options)  # type: ignore[arg-type]
        return self.url(path)

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


def _handler(pages: Pages) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            pages.asked.append((self.path, dict(self.headers)))
            answer = pages.answers.get(self.path.partition("?")[0], Answer(status=404))
            answer.before()
            body, headers = answer.body, dict(answer.headers)
            if "gzip" in self.headers.get("Accept-Encoding", "") and "Content-Encoding" not in headers:
                body, headers = gzip.compress(body, 1), {**headers, "Content-Encoding": "gzip"}
            self.send_response(answer.status)
            for name, value in {"Content-Type": answer.media, "Content-Length": str(len(body))}.items():
                headers.setdefault(name, value)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests tell what they need to."""

    return Handler


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Pages]:
    """Gives the pages; the server ends with the block."""
    pages = Pages(0, "https" if context else "http")

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that goes away is what some tests are about."""

    with Server(("127.0.0.1", 0), _handler(pages)) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        pages.port = server.server_address[1]
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield pages
        finally:
            pages.released.set()
            server.shutdown()
            thread.join()
