"""Bodies that are broken, too large or of the wrong kind are refused with the reason; the sound ones stay.

SWELL_BODIES sets how many are sent (3000 by default), SWELL_BODIES_SEED which.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import httpx
import pytest

from tests.e2e.bodies import MIB, Body, Generator
from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell
from tests.peers import wait_until

pytestmark = pytest.mark.slow

_BODIES = int(os.environ.get("SWELL_BODIES", "3000"))
_SEED = int(os.environ.get("SWELL_BODIES_SEED", "7"))
_SENDERS = 6
_ANSWER_WITHIN_S = 60
_MAX_BODY_BYTES = 4 * MIB
_MAX_DECODED_BYTES = 64 * MIB
_MAX_ROWS = 100_000
_FLAGS = [
    "--no-collect.enabled",
    "--log-level",
    "warning",
    "--ingest.flush-interval-s",
    "0.2",
    "--ingest.max-body-bytes",
    str(_MAX_BODY_BYTES),
    "--ingest.max-decoded-bytes",
    str(_MAX_DECODED_BYTES),
    "--ingest.max-request-rows",
    str(_MAX_ROWS),
]
# Three workers may hold a decompressed body each, twice while it is put together or split into lines.
_GROWTH_BYTES = 3 * 3 * _MAX_DECODED_BYTES + 128 * MIB


@dataclass
class Outcome:
    """What became of the bodies, by kind and status, and whatever should not have been."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    stored: dict[tuple[str, ...], float] = field(default_factory=dict)

    def note(self, body: Body, answer: httpx.Response | Exception) -> None:
        if isinstance(answer, Exception):
            self.counts[body.kind, type(answer).__name__] += 1
            self.wrong.append(f"{body.kind}: no answer: {answer!r}")
            return
        self.counts[body.kind, str(answer.status_code)] += 1
        if answer.status_code not in body.statuses:
            self.wrong.append(f"{body.kind}: {answer.status_code}: {answer.text[:300]}")
        elif answer.status_code >= 400 and len(answer.text.strip()) < 10:
            self.wrong.append(f"{body.kind}: {answer.status_code} without a reason: {answer.text!r}")
        elif answer.status_code >= 400 and body.reasons and not any(r in answer.text for r in body.reasons):
            self.wrong.append(
                f"{body.kind}: {answer.status_code} names none of {body.reasons}: {answer.text[:300]}"
            )


def test_thousands_of_bad_bodies_are_refused_by_name_and_their_neighbours_stored(start: Starter) -> None:
    swell = start(_FLAGS)
    draws = Generator(_SEED, int(time.time() * 1000), _MAX_BODY_BYTES, _MAX_DECODED_BYTES, _MAX_ROWS)
    outcome = Outcome()
    before = swell.resident_bytes()

    began = time.monotonic()
    with (
        peak_of(swell) as peak,
        httpx.Client(base_url=swell.url, timeout=_ANSWER_WITHIN_S) as client,
        ThreadPoolExecutor(_SENDERS) as senders,
    ):
        for chunk in batched(bodies(draws, outcome), 4 * _SENDERS):
            for body, answer in zip(chunk, senders.map(partial(send, client), chunk), strict=True):
                outcome.note(body, answer)
    wait_until(lambda: read_back(swell, draws) == outcome.stored, "the neighbours", 30)

    report(outcome, before, peak[0], swell.resident_bytes(), time.monotonic() - began)
    assert outcome.wrong[:20] == []
    assert peak[0] - before < _GROWTH_BYTES
    assert "Traceback" not in swell.log()


def bodies(draws: Generator, outcome: Outcome) -> Iterator[Body]:
    """Bad bodies, and a sound one behind every fifth."""
    for number in range(_BODIES):
        yield draws.draw(number)
        if number % 5 == 0:
            body, values = draws.valid(number)
            outcome.stored.update(values)
            yield body


def batched(found: Iterator[Body], size: int) -> Iterator[list[Body]]:
    """Lists of `size`, so that only so many bodies are in memory."""
    while batch := list(islice(found, size)):
        yield batch


def send(client: httpx.Client, body: Body) -> httpx.Response | Exception:
    parts = (body.content[i : i + 65_536] for i in range(0, len(body.content), 65_536))
    try:
        return client.request(
            body.method, body.path, headers=body.headers, content=parts if body.is_chunked else body.content
        )
    except httpx.HTTPError as error:
        return error


def read_back(swell: Swell, draws: Generator) -> dict[tuple[str, ...], float]:
    found = swell.instant("neighbour", draws.now_ms / 1000)
    return {
        (sample["metric"]["request"], sample["metric"]["series"]): float(sample["value"][1])
        for sample in found
    }


class peak_of:  # noqa: N801 - reads as a phrase in `with`
    """The largest resident size of a process while the block runs, in bytes, as the only item of a list."""

    def __init__(self, swell: Swell) -> None:
        self._swell = swell
        self._peak = [0]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self._peak

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self._peak[0] = max(self._peak[0], self._swell.resident_bytes())


def report(outcome: Outcome, before: int, peak: int, after: int, seconds: float) -> None:
    total = sum(outcome.counts.values())
    print(f"\n{total} bodies in {seconds:.0f} s, {len(outcome.stored)} samples of sound neighbours")
    print(f"resident MiB: {before // MIB} before, {peak // MIB} peak, {after // MIB} after")
    for (kind, status), count in sorted(outcome.counts.items()):
        print(f"  {kind:32} {status:>5} {count:6}")
