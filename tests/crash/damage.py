"""The log cut off and with bits flipped, at every kind of place, while the store was away."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingest.inspection import inspect
from ingest.segment import HEADER, segment_numbers, segment_path
from storage.memory import MemoryStorage
from tests.crash.small import NOW_MS, SAMPLES, Away, expected_values, opened, read_back, request
from tests.crash.totals import Totals

_LIVES = 3
_REQUESTS = 4
_HEAD_BYTES = 16


@dataclass(frozen=True, slots=True)
class Written:
    """Where a request's records lie in the log: bytes of a segment, end exclusive."""

    request: int
    segment: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A byte of a segment: everything from it on is cut off, or bits of it are flipped."""

    segment: int
    at: int
    flipped: int = 0

    def spares(self, written: Written) -> bool:
        """Whether a request must be readable all the same."""
        if written.segment != self.segment:
            return True
        if not self.flipped:
            return written.end <= self.at
        # A header of another version hides its segment; its other bytes are not needed.
        return not 8 <= self.at < 12 and not written.start <= self.at < written.end

    def do(self, directory: Path) -> None:
        """Change the file."""
        path = segment_path(directory, self.segment)
        content = bytearray(path.read_bytes())
        if self.flipped:
            content[self.at] ^= self.flipped
        else:
            del content[self.at :]
        path.write_bytes(content)

    def is_named(self, directory: Path) -> bool:
        """Whether an operator is told; a cut between two records, or in unused bytes, is no damage."""
        return any(found.damages for found in inspect(directory))


def write_log(directory: Path) -> list[Written]:
    """A log of as many segments as there were lives, of which nothing is stored."""
    directory.mkdir(parents=True)
    written = []
    for life in range(_LIVES):
        own = directory / f"life{life}"
        pipeline, at = opened(own, Away()), HEADER.size
        for number in range(life * _REQUESTS, (life + 1) * _REQUESTS):
            pipeline.accept(request(number))
            end = segment_path(own, 1).stat().st_size
            written.append(Written(number, life + 1, at, end))
            at = end
        pipeline.stop(grace_s=0)
        segment_path(own, 1).rename(segment_path(directory, life + 1))
        shutil.rmtree(own)
    return written


def places(directory: Path, written: list[Written]) -> Iterator[tuple[int, int]]:
    """(segment, byte) of each byte of headers and of records' heads, and of some of each payload."""
    for number in segment_numbers(directory):
        yield from ((number, at) for at in range(HEADER.size))
    for one in written:
        content = segment_path(directory, one.segment).read_bytes()
        at = one.start
        while at < one.end:
            payload = at + _HEAD_BYTES
            end = payload + int.from_bytes(content[at : at + 4], "little")
            yield from ((one.segment, byte) for byte in range(at, payload))
            yield from ((one.segment, byte) for byte in {payload, (payload + end) // 2, end - 1})
            at = end


def run(root: Path, rng: random.Random, every: int = 1) -> Totals:
    """Damage one log at each place, once cut and once flipped; `every` takes one place in so many."""
    log = root / "log"
    written = write_log(log)
    total = Totals()
    chosen = list(places(log, written))
    for number, (segment, at) in enumerate(chosen[rng.randrange(every) :: every]):
        for flipped in (0, 1 << rng.randrange(8)):
            where = root / f"damaged{number}-{flipped}"
            shutil.copytree(log, where)
            total += _try(where, Damage(segment, at, flipped), written)
            shutil.rmtree(where)
    return total


def _try(directory: Path, damage: Damage, written: list[Written]) -> Totals:
    damage.do(directory)
    is_named = damage.is_named(directory)
    storage = MemoryStorage()
    pipeline = opened(directory, storage)
    found = read_back(storage, "m[1h]", NOW_MS)
    counted = pipeline.metrics.damaged_bytes.collect()[0].samples[0].value
    pipeline.stop()
    assert is_named == bool(counted), f"{damage} is told by one of the metric and the command only"
    times = NOW_MS - 1000 * np.arange(SAMPLES)[::-1]
    readable = altered = 0
    spared = [one.request for one in written if damage.spares(one)]
    for one in written:
        values = expected_values(one.request, times).tolist()
        right = set(zip(times.tolist(), values, strict=True))
        points = set(found.get(one.request, []))
        altered += len(points - right)
        readable += len(points & right) if one.request in spared else 0
    assert is_named or readable == len(written) * SAMPLES or not damage.flipped, f"{damage} is not told"
    return Totals(
        damages=1,
        acknowledged=len(spared) * SAMPLES,
        readable=readable,
        altered=altered,
        lost=(len(written) - len(spared)) * SAMPLES,
        invented=len(found.keys() - {one.request for one in written}),
    )
