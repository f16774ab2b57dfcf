"""Answers remote read: as samples in one body, or as chunks in frames that are made while they are sent."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import cramjam
import numpy as np

from query.block import Samples
from query.remote_read import kernels
from query.remote_read.histograms import apart, histogram_messages
from query.remote_read.messages import (
    SAMPLES,
    STREAMED_CHUNKS,
    ReadQuery,
    ReadRequest,
    chunk_message,
    integer,
    labels_message,
    message,
    read_request,
    varint,
)
from storage.errors import InputError
from storage.model import canonical

_FRAME_BYTES: Final = 1 << 20
_MAX_BYTES: Final = 4 << 20

Select = Callable[[ReadQuery], Samples]


@dataclass(frozen=True, slots=True)
class Answer:
    """A response's body, piece by piece, and what HTTP says of it."""

    pieces: Iterator[bytes]
    media_type: str
    encoding: str = ""


def answer(body: bytes, select: Select) -> Answer:
    """Answer a request in snappy's block format; `select` reads the samples of one query.

    Where native histograms are selected the answer is of samples, if the client takes those. Raises
    `InputError` for a body that is none, and for kinds of response that Swell does not give.
    """
    request = _request(body)
    found = [_inside(select(query), query) for query in request.queries]
    has_histograms = any(samples.cells is not None for samples in found)
    if _kind(request, has_histograms) == STREAMED_CHUNKS:
        media_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse"
        return Answer(_frames(found), media_type)
    results = b"".join(message(1, b"".join(_series(samples))) for samples in found)
    compressed = bytes(cramjam.snappy.compress_raw(results))
    return Answer(iter([compressed]), "application/x-protobuf", "snappy")


def _request(body: bytes) -> ReadRequest:
    try:
        plain = cramjam.snappy.decompress_raw(body)
    except cramjam.DecompressionError as error:
        raise InputError(f"remote read: the body is not snappy: {error}") from None
    if len(plain) > _MAX_BYTES:
        raise InputError(f"remote read: a request of {len(plain)} bytes, expected {_MAX_BYTES} at most")
    return read_request(bytes(plain))


def _kind(request: ReadRequest, has_histograms: bool) -> int:
    if has_histograms and SAMPLES in request.accepted:
        return SAMPLES
    for kind in request.accepted:
        if kind in (SAMPLES, STREAMED_CHUNKS):
            return kind
    raise InputError(f"remote read: response types {list(request.accepted)}, expected 0 or 1 among them")


def _inside(samples: Samples, query: ReadQuery) -> Samples:
    """The samples of the range asked for, of series that have any; stale markers stay."""
    wanted = query.time_range
    times_ms = samples.timestamps_ms
    found = samples.where((times_ms >= wanted.start_ms) & (times_ms <= wanted.end_ms))
    return found.take(np.flatnonzero(np.diff(found.offsets)))


def _series(samples: Samples) -> Iterator[bytes]:
    """TimeSeries messages as fields 1 of a QueryResult."""
    for row, part in _each(samples):
        content = [labels_message(canonical(row))]
        is_float = np.ones(len(part.values), np.bool_)
        if part.cells is not None:
            is_float, pool = apart(part.values, part.cells)
            messages = histogram_messages(pool, part.timestamps_ms[~is_float])
            content += [message(4, one) for one in messages]
        times, bits = part.timestamps_ms[is_float], kernels.value_bits(part.values[is_float])
        out = np.empty(len(times) * kernels.SAMPLE_BYTES, np.uint8)
        content.append(out[: kernels.write_samples(times, bits, out)].tobytes())
        yield message(1, b"".join(content))


def _frames(found: list[Samples]) -> Iterator[bytes]:
    """Frames of ChunkedReadResponse: a size, a checksum, a message with one series, or with part of it."""
    scratch = np.empty(kernels.CHUNK_BYTES, np.uint8)
    for index, samples in enumerate(found):
        for row, part in _each(samples):
            labels = labels_message(canonical(row))
            chunks: list[bytes] = []
            for begin in range(0, len(part.values), kernels.CHUNK_SAMPLES):
                chunks.append(message(2, _chunk(part, begin, scratch)))
                if sum(map(len, chunks)) > _FRAME_BYTES:
                    yield _frame(labels, chunks, index)
                    chunks = []
            if chunks:
                yield _frame(labels, chunks, index)


def _chunk(part: Samples, begin: int, scratch: kernels.Bytes) -> bytes:
    mine = slice(begin, begin + kernels.CHUNK_SAMPLES)
    times = part.timestamps_ms[mine]
    size = kernels.write_chunk(times, kernels.value_bits(part.values[mine]), scratch)
    return chunk_message(int(times[0]), int(times[-1]), scratch[:size].tobytes())


def _frame(labels: bytes, chunks: list[bytes], index: int) -> bytes:
    content = message(1, labels + b"".join(chunks)) + integer(2, index)
    checksum = int(kernels.crc32c(np.frombuffer(content, np.uint8)))
    return varint(len(content)) + struct.pack(">I", checksum) + content


def _each(samples: Samples) -> Iterator[tuple[dict[str, str], Samples]]:
    """The series one by one, ordered by labels, as clients merge them."""
    rows = samples.labels.rows()
    for at in sorted(range(len(rows)), key=lambda i: tuple(rows[i].items())):
        yield rows[at], samples.take(np.array([at], np.int64))
