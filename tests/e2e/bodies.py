"""Bodies that no sound sender sends, and sound ones, each generated from a seed."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import cramjam

from ingest.wire.encoding import varint
from tests.ingest.messages import Request, WriteRequest

WRITE: Final = "/api/v1/write"
IMPORT: Final = "/api/v1/import/prometheus"
V1: Final = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
V2: Final = V1 | {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
TEXT: Final = {"Content-Type": "text/plain; version=0.0.4"}
OPENMETRICS: Final = {"Content-Type": "application/openmetrics-text; version=1.0.0"}
GZIP: Final = {"Content-Encoding": "gzip"}
MIB: Final = 1 << 20

_VALID = frozenset((204, 400))
"""What a body may be answered that was changed, and may have stayed sound or partly sound."""


@dataclass(frozen=True)
class Body:
    """One request. `statuses` may answer it; a 4xx has to say something of `reasons`, if any are given."""

    kind: str
    path: str
    headers: Mapping[str, str]
    content: bytes
    statuses: frozenset[int]
    reasons: tuple[str, ...] = ()
    method: str = "POST"
    is_chunked: bool = False


@dataclass
class Generator:
    """Draws bodies; `now_ms` stamps the sound ones, the limits are those that the receiver has."""

    seed: int
    now_ms: int
    max_body_bytes: int
    max_decoded_bytes: int
    max_rows: int
    random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def draw(self, number: int) -> Body:
        """The body with a number: every kind comes in turn."""
        kinds: tuple[Callable[[], Body], ...] = (
            self.truncated,
            self.flipped,
            self.flipped,
            self.flipped_compressed,
            self.garbage,
            self.lying_length,
            self.too_many_rows,
            self.wrong_media,
            self.wrong_encoding,
            self.wrong_method,
            self.wrong_version,
            self.references,
            self.empty,
            self.text_damaged,
            self.text_damaged,
            self.gzip_damaged,
            self.gzip_members,
            self.oversized if number // 20 % 5 == 0 else self.truncated,
            self.snappy_bomb if number // 20 % 5 == 1 else self.flipped,
            self.gzip_bomb if number // 20 % 5 == 2 else self.text_damaged,
        )
        return kinds[number % len(kinds)]()

    def valid(self, number: int) -> tuple[Body, dict[tuple[str, ...], float]]:
        """A sound neighbour, in each protocol in turn, and its samples by (request, series)."""
        values = {(str(number), str(i)): self.random.uniform(-1e9, 1e9) for i in range(3)}
        rows = [
            (sorted({"__name__": "neighbour", "request": one, "series": two}.items()), [(value, self.now_ms)])
            for (one, two), value in values.items()
        ]
        text = "".join(
            f'neighbour{{request="{one}",series="{two}"}} {value!r} {self.now_ms}\n'
            for (one, two), value in values.items()
        ).encode()
        sound = frozenset((204,))
        body = (
            Body("valid", WRITE, V1, snappy(plain_v1(rows)), sound),
            Body("valid", WRITE, V2, snappy(plain_v2(rows)), sound),
            Body("valid", IMPORT, TEXT, text, sound),
            Body("valid", IMPORT, TEXT | GZIP, gzip.compress(text), sound),
        )[number % 4]
        return body, values

    def plain(self) -> tuple[Mapping[str, str], bytes]:
        """The headers and the protobuf of a sound request that the tests change, of either version."""
        rows = []
        for i in range(self.random.randrange(1, 12)):
            labels = [("__name__", f"changed_{i}")]
            labels += [
                (f"label_{n}", "v" * self.random.randrange(30)) for n in range(self.random.randrange(6))
            ]
            samples = [(self.random.random(), self.now_ms + n) for n in range(self.random.randrange(4))]
            rows.append((labels, samples))
        return (V1, plain_v1(rows)) if self.random.random() < 0.5 else (V2, plain_v2(rows))

    def text(self) -> bytes:
        lines = ["# HELP changed A text.", "# TYPE changed gauge"]
        lines += [
            f'changed{{i="{i}",text="\\"quoted\\" \\\\ ü"}} {self.random.random()} {self.now_ms}'
            for i in range(self.random.randrange(1, 30))
        ]
        return ("\n".join(lines) + "\n").encode()

    def flip(self, content: bytes) -> bytes:
        changed = bytearray(content)
        for _ in range(self.random.choice((1, 1, 1, 2, 8))):
            changed[self.random.randrange(len(changed))] ^= 1 << self.random.randrange(8)
        return bytes(changed)

    def cut(self, content: bytes) -> bytes:
        return content[: self.random.randrange(len(content))]

    def truncated(self) -> Body:
        headers, plain = self.plain()
        if self.random.random() < 0.5:
            return Body("truncated protobuf", WRITE, headers, snappy(self.cut(plain)), _VALID)
        content = self.cut(snappy(plain))
        return Body("truncated snappy", WRITE, headers, content, frozenset((400,)), ("snappy",))

    def flipped(self) -> Body:
        headers, plain = self.plain()
        return Body("flipped protobuf", WRITE, headers, snappy(self.flip(plain)), _VALID)

    def flipped_compressed(self) -> Body:
        headers, plain = self.plain()
        # A flip in the declared length may claim more than the limit.
        return Body("flipped snappy", WRITE, headers, self.flip(snappy(plain)), _VALID | {413})

    def garbage(self) -> Body:
        content = self.random.randbytes(self.random.randrange(1, 3000))
        headers = self.random.choice((V1, V2))
        if self.random.random() < 0.5:
            return Body("garbage", WRITE, headers, content, frozenset((400, 413)), ("snappy", "limit"))
        return Body("garbage in snappy", WRITE, headers, snappy(content), _VALID)

    def lying_length(self) -> Body:
        headers, plain = self.plain()
        _, at = read_varint(snappy(plain))
        claim = self.random.choice(
            (len(plain) + 1, len(plain) * 2, 1 << 24, self.max_decoded_bytes, (1 << 32) - 1)
        )
        content = varint(claim) + snappy(plain)[at:]
        return Body(
            "lying length", WRITE, headers, content, frozenset((400, 413)), ("snappy", "max_decoded_bytes")
        )

    def too_many_rows(self) -> Body:
        rows = self.max_rows + 1
        one, headers = self.random.choice(
            ((b"\x0a\x00", V1), (b"\x1a\x00", V1), (b"\x22\x00", V2), (b"\x2a\x00", V2))
        )
        if self.random.random() < 0.5:
            series = b"\x12\x00" * rows
            content, headers = b"\x0a" + varint(len(series)) + series, V1
        else:
            content = one * rows
        return Body(
            "too many rows", WRITE, headers, snappy(content), frozenset((413,)), ("max_request_rows",)
        )

    def wrong_media(self) -> Body:
        _, plain = self.plain()
        kind = self.random.choice(
            (
                "application/json",
                "text/html",
                "application/x-protobuf;proto=io.prometheus.write.v3.Request",
                "multipart/form-data; boundary=x",
                "application/grpc",
            )
        )
        refused = frozenset((415,))
        if self.random.random() < 0.5 and "proto=" not in kind:
            return Body(
                "wrong media", IMPORT, {"Content-Type": kind}, self.text(), refused, ("content type",)
            )
        headers = V1 | {"Content-Type": kind}
        return Body(
            "wrong media", WRITE, headers, snappy(plain), refused, ("content type", "protobuf message")
        )

    def wrong_encoding(self) -> Body:
        headers, plain = self.plain()
        encoding = self.random.choice(("br", "zstd", "deflate", "snappy, gzip", "x" * 300))
        refused, reason = frozenset((415,)), ("content encoding",)
        if self.random.random() < 0.5:
            return Body(
                "wrong encoding",
                WRITE,
                headers | {"Content-Encoding": encoding},
                snappy(plain),
                refused,
                reason,
            )
        return Body(
            "wrong encoding", IMPORT, TEXT | {"Content-Encoding": encoding}, self.text(), refused, reason
        )

    def wrong_method(self) -> Body:
        method = self.random.choice(("GET", "PUT", "PATCH", "DELETE", "OPTIONS"))
        path = self.random.choice((WRITE, IMPORT))
        return Body("wrong method", path, V1, b"", frozenset((405,)), ("method",), method)

    def wrong_version(self) -> Body:
        headers, plain = self.plain()
        other = V2 if headers is V1 else V1
        return Body("other version's message", WRITE, other, snappy(plain), _VALID)

    def references(self) -> Body:
        """A 2.0 request whose few bytes stand for many, or for nothing."""
        symbol, count = b"a" * 50_000, self.random.choice((2, 20_000))
        refs = (
            b"".join(varint(self.random.choice((1, 1, 7))) for _ in range(count))
            if count == 2
            else b"\x01" * count
        )
        row = b"\x0a" + varint(len(refs)) + refs
        plain = b"\x22\x00\x22" + varint(len(symbol)) + symbol + b"\x2a" + varint(len(row)) + row
        return Body("references", WRITE, V2, snappy(plain), frozenset((400, 413)))

    def empty(self) -> Body:
        if self.random.random() < 0.5:
            return Body("empty", WRITE, self.random.choice((V1, V2)), b"", frozenset((400,)), ("snappy",))
        headers = self.random.choice((OPENMETRICS, TEXT | GZIP))
        return Body("empty", IMPORT, headers, b"", frozenset((400,)), ("EOF", "gzip"))

    def text_damaged(self) -> Body:
        headers = self.random.choice((TEXT, OPENMETRICS))
        change = self.random.choice((self.cut, self.flip, self.flip, lambda _: self.random.randbytes(2000)))
        return Body("damaged text", IMPORT, headers, change(self.text()), _VALID)

    def gzip_damaged(self) -> Body:
        content = gzip.compress(self.text())
        if self.random.random() < 0.5:
            return Body(
                "truncated gzip", IMPORT, TEXT | GZIP, self.cut(content), frozenset((400,)), ("gzip",)
            )
        return Body("flipped gzip", IMPORT, TEXT | GZIP, self.flip(content), _VALID)

    def gzip_members(self) -> Body:
        """Many members of nothing: twenty bytes each that cost a decoder much more."""
        content = gzip.compress(b"") * self.random.choice((1, 10, 1000, 100_000)) + b"rest"
        return Body("gzip members", IMPORT, TEXT | GZIP, content, frozenset((400,)), ("gzip",))

    def oversized(self) -> Body:
        path, headers = self.random.choice(((WRITE, V1), (IMPORT, TEXT)))
        content = bytes(self.max_body_bytes + self.random.choice((1, MIB)))
        is_chunked = self.random.random() < 0.5
        kind = "oversized, length not declared" if is_chunked else "oversized"
        return Body(
            kind, path, headers, content, frozenset((413,)), ("max_body_bytes",), is_chunked=is_chunked
        )

    def snappy_bomb(self) -> Body:
        size = self.random.choice((self.max_decoded_bytes + 1, self.max_decoded_bytes))
        content = snappy(bytes(size))
        return Body(
            "snappy bomb", WRITE, V1, content, frozenset((400, 413)), ("number 0", "max_decoded_bytes")
        )

    def gzip_bomb(self) -> Body:
        fill = self.random.choice((b"\n", b"a", b"m 1\n"))
        size = self.max_decoded_bytes + self.random.choice((-1, 1, 1 << 20))
        content = gzip.compress(fill * (size // len(fill) + 1), 1)
        if self.random.random() < 0.3:  # the same, member by member
            part = gzip.compress(fill * (MIB // len(fill)), 1)
            content = part * (size // MIB + 1)
        reasons = ("max_decoded_bytes", "max_request_rows", "not a sample")
        return Body("gzip bomb", IMPORT, TEXT | GZIP, content, frozenset((400, 413)), reasons)


Rows = list[tuple[list[tuple[str, str]], list[tuple[float, int]]]]


def plain_v1(rows: Rows) -> bytes:
    """A `prometheus.WriteRequest`."""
    request = WriteRequest()
    for labels, samples in rows:
        series = request.timeseries.add()
        for name, value in labels:
            series.labels.add(name=name.encode(), value=value.encode())
        for value, time_ms in samples:
            series.samples.add(value=value, timestamp=time_ms)
    return bytes(request.SerializeToString())


def plain_v2(rows: Rows) -> bytes:
    """An `io.prometheus.write.v2.Request`."""
    request, symbols = Request(), {"": 0}
    for labels, samples in rows:
        series = request.timeseries.add()
        series.labels_refs.extend(symbols.setdefault(text, len(symbols)) for pair in labels for text in pair)
        for value, time_ms in samples:
            series.samples.add(value=value, timestamp=time_ms)
    request.symbols.extend(text.encode() for text in symbols)
    return bytes(request.SerializeToString())


def snappy(plain: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(plain))


def read_varint(content: bytes) -> tuple[int, int]:
    """The varint that opens `content`, and the offset behind it."""
    number = 0
    for i, byte in enumerate(content):
        number |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return number, i + 1
    raise AssertionError("no varint")
