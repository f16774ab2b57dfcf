"""Senders of remote write that behave as Prometheus does: what is not acknowledged is sent again."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import cramjam
import httpx
import numpy as np

from ingest.wire.encoding import encode_labels, encode_v1
from tests.crash.totals import Totals
from tests.peers import wait_until

_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
_SERIES = 50
_SENDERS = 3
_PAUSE_S = 0.02
_PATIENCE_S = 60.0


class Load:
    """Writes one metric until told to stop. `urls()` are the nodes that take samples at this moment."""

    def __init__(self, metric: str, start_ms: int, urls: Callable[[], Sequence[str]], seed: int) -> None:
        self.metric = metric
        self.start_ms = start_ms
        self._urls = urls
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._next_ms = start_ms
        self._stopped = threading.Event()
        self._acknowledged: list[set[int]] = [set() for _ in range(_SENDERS)]
        self._sent: list[set[int]] = [set() for _ in range(_SENDERS)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send while the block runs; every request begun in it ends acknowledged."""
        with ThreadPoolExecutor(_SENDERS) as executor:
            senders = [executor.submit(self._send, i) for i in range(_SENDERS)]
            try:
                yield
            finally:
                self._stopped.set()
        for sender in senders:
            sender.result()

    def _send(self, sender: int) -> None:
        raw = [
            encode_labels([("__name__", self.metric), ("i", str(i)), ("sender", str(sender))])
            for i in range(_SERIES)
        ]
        with httpx.Client(timeout=10) as client:
            while not self._stopped.is_set():
                with self._lock:
                    self._next_ms += 1
                    time_ms = self._next_ms
                self._sent[sender].add(time_ms)
                index = np.arange(_SERIES, dtype=np.int64)
                plain = encode_v1(raw, index, np.full(_SERIES, time_ms), value(time_ms, index))
                self._retry(client, bytes(cramjam.snappy.compress_raw(plain)))
                self._acknowledged[sender].add(time_ms)
                time.sleep(_PAUSE_S)

    def _retry(self, client: httpx.Client, body: bytes) -> None:
        """Until it is acknowledged, on another node each time. Anything but 2xx, 429 and 5xx is a fault."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            assert time.monotonic() < deadline, "no node acknowledged a request in time"
            url = self._rng.choice(self._urls())
            try:
                answer = client.post(url + "/api/v1/write", content=body, headers=_HEADERS)
            except httpx.TransportError:
                time.sleep(_PAUSE_S)
                continue
            if answer.status_code == 204:
                return
            assert answer.status_code in (429, 500, 502, 503), answer.text
            time.sleep(_PAUSE_S)

    def check(self, url: str) -> Totals:
        """What a node reads back, once it is all there or is not going to be."""
        found = Totals()

        def is_whole() -> bool:
            nonlocal found
            try:
                found = self._read(url)
            except httpx.TransportError:
                return False
            return found.is_sound

        try:
            wait_until(is_whole, "everything acknowledged is readable", 60)
        except AssertionError:
            return found
        return found

    def _read(self, url: str) -> Totals:
        acknowledged = readable = altered = doubled = invented = 0
        for sender in range(_SENDERS):
            wanted, sent = self._acknowledged[sender], self._sent[sender]
            acknowledged += len(wanted) * _SERIES
            for series in instant(url, f'{self.metric}{{sender="{sender}"}}[2h]', self.start_ms):
                i = np.array([int(series["metric"]["i"])])
                found = [(round(float(time_s) * 1000), float(text)) for time_s, text in series["values"]]
                right = {at for at, number in found if number == value(at, i)[0]}
                readable += len(right & wanted)
                altered += len(found) - sum(at in right for at, _ in found)
                doubled += len(found) - len({at for at, _ in found})
                invented += len({at for at, _ in found} - sent)
        return Totals(
            acknowledged=acknowledged,
            readable=readable,
            altered=altered,
            doubled=doubled,
            invented=invented,
        )


def value(time_ms: int, index: Any) -> Any:
    """What series `index` has at a time: no two samples are alike."""
    return time_ms * 1000.0 + index


def instant(url: str, query: str, start_ms: int) -> list[dict[str, Any]]:
    """The result of a query an hour after a time. Raises `httpx.TransportError` where it fails."""
    parameters = {"query": query, "time": str(start_ms / 1000 + 3_600)}
    answer = httpx.get(url + "/api/v1/query", params=parameters, timeout=60)
    if answer.status_code != 200:
        raise httpx.ReadError(answer.text)
    result: list[dict[str, Any]] = answer.json()["data"]["result"]
    return result
