"""A connection that breaks at every byte of a request: it is stored whole or not at all."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import httpx
import numpy as np

from ingest.wire.encoding import encode_labels, encode_v1, varint
from tests.crash.load import instant, value
from tests.crash.node import Spec
from tests.crash.nursery import Child, Nursery
from tests.crash.totals import Totals
from tests.peers import free_port, wait_until

_SERIES = 3
_METRIC = "cut"


def run(nursery: Nursery, root: Path) -> Totals:
    """One connection for each length of a request; those that send all of it read their answer too."""
    node = Child(nursery, Spec(str(root / "cuts"), free_port()).as_dict())
    node.start()
    node.wait_ready()
    start_ms = int(time.time() * 1000) - 3_600_000
    size = len(_request(start_ms))
    acknowledged = set()
    for sent in range(size + 1):
        content = _request(start_ms + sent)
        assert len(content) == size
        if _send(node, content[:sent], is_whole=sent == size):
            acknowledged.add(start_ms + sent)
    found = _settled(node, start_ms, acknowledged, size)
    node.kill()
    return found


def _request(time_ms: int) -> bytes:
    raw = [encode_labels([("__name__", _METRIC), ("i", str(i))]) for i in range(_SERIES)]
    index = np.arange(_SERIES, dtype=np.int64)
    plain = encode_v1(raw, index, np.full(_SERIES, time_ms), value(time_ms, index))
    # One literal of snappy's, not compressed, keeps every request equally long.
    body = varint(len(plain)) + b"\xf4" + (len(plain) - 1).to_bytes(2, "little") + plain
    head = (
        f"POST /api/v1/write HTTP/1.1\r\nHost: swell\r\nContent-Length: {len(body):04d}\r\n"
        "Content-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n\r\n"
    )
    return head.encode() + body


def _send(node: Child, part: bytes, is_whole: bool) -> bool:
    """Send a part and hang up; whether it was acknowledged."""
    with socket.create_connection(("127.0.0.1", int(str(node.spec["port"]))), timeout=10) as connection:
        connection.sendall(part)
        return is_whole and connection.recv(64).startswith(b"HTTP/1.1 204")


def _settled(node: Child, start_ms: int, acknowledged: set[int], size: int) -> Totals:
    """What is there once nothing is on its way any more: a request behind the last one is readable."""
    last_ms = start_ms + size + 1
    answer = httpx.post(
        node.url + "/api/v1/write",
        content=_request(last_ms).partition(b"\r\n\r\n")[2],
        headers={"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"},
    )
    assert answer.status_code == 204, answer.text
    series: list[list[tuple[int, float]]] = []

    def is_there() -> bool:
        nonlocal series
        series = [
            [(round(float(at) * 1000), float(text) - int(one["metric"]["i"])) for at, text in one["values"]]
            for one in instant(node.url, f"{_METRIC}[2h]", start_ms)
        ]
        return len(series) == _SERIES and all(points[-1][0] == last_ms for points in series)

    wait_until(is_there, "the last request is readable", 60)
    wanted = acknowledged | {last_ms}
    stored = [{at for at, _ in points} for points in series]
    partial = sum(len(times ^ stored[0]) for times in stored)
    return Totals(
        cuts=size,
        acknowledged=len(wanted) * _SERIES,
        readable=sum(len(times & wanted) for times in stored),
        altered=sum(number != at * 1000.0 for points in series for at, number in points),
        invented=partial + sum(len(times - wanted) for times in stored),
    )
