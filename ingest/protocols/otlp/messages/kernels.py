"""Numba kernels that find the metrics of an `ExportMetricsServiceRequest` and read their data points.

Format: opentelemetry/proto/metrics/v1/metrics.proto. Every message that has scalars is read by one loop over
a table of what its fields are, so that a data point of any type becomes a row of the same columns.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from ingest.wire.kernels import BAD_WIRE_TYPE, OK, TOO_LONG, field, varint, word_at
from storage.model import Int64Array, UInt64Array

Bytes = npt.NDArray[np.uint8]
UInt16Array = npt.NDArray[np.uint16]

GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY, EXEMPLAR, BUCKETS = range(7)

# Columns of `metrics`; a span is two columns, start and end.
RESOURCE, SCOPE, KIND, TEMPORALITY, IS_MONOTONIC, POINTS, DATA, NAME, HELP, UNIT = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    12,
)
METRIC_COLUMNS = 14

# Columns of `words`, the scalars of a message.
START, TIME, DOUBLE, INT, COUNT, SUM_OF, FLAGS, SCALE, ZERO_COUNT = range(9)
WORDS = 9
# Columns of `spans`, where things lie in a message and how many there are.
WHOLE, ATTRIBUTES, FIRST, SECOND = 0, 2, 4, 6
ATTRIBUTE_COUNT, EXEMPLARS, EDGES, AMOUNTS = 8, 9, 10, 11
SPANS = 12

_VARINT, _FIXED, _BYTES = 1, 2, 4
_NOTHING = -1
_SPAN, _COUNTED, _ATTRIBUTE = 32, 48, 64
_PACKED = _COUNTED + EDGES
_FIELDS = 16


def _tables() -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """What a field of a message is, and the wire types it may have, by kind and number."""
    roles = np.full((7, _FIELDS), _NOTHING, np.int8)
    wires = np.zeros((7, _FIELDS), np.int8)
    number = {
        2: (START, _FIXED),
        3: (TIME, _FIXED),
        4: (DOUBLE, _FIXED),
        5: (_COUNTED + EXEMPLARS, _BYTES),
        6: (INT, _FIXED),
        7: (_ATTRIBUTE, _BYTES),
        8: (FLAGS, _VARINT),
    }
    timed = {2: (START, _FIXED), 3: (TIME, _FIXED), 4: (COUNT, _FIXED), 5: (SUM_OF, _FIXED)}
    tables = {
        GAUGE: number,
        SUM: number,
        HISTOGRAM: timed
        | {
            6: (_COUNTED + AMOUNTS, _FIXED | _BYTES),
            7: (_COUNTED + EDGES, _FIXED | _BYTES),
            8: (_COUNTED + EXEMPLARS, _BYTES),
            9: (_ATTRIBUTE, _BYTES),
            10: (FLAGS, _VARINT),
        },
        EXPONENTIAL: timed
        | {
            1: (_ATTRIBUTE, _BYTES),
            6: (SCALE, _VARINT),
            7: (ZERO_COUNT, _FIXED),
            8: (_SPAN + FIRST, _BYTES),
            9: (_SPAN + SECOND, _BYTES),
            10: (FLAGS, _VARINT),
            11: (_COUNTED + EXEMPLARS, _BYTES),
        },
        SUMMARY: timed | {6: (_COUNTED + EDGES, _BYTES), 7: (_ATTRIBUTE, _BYTES), 8: (FLAGS, _VARINT)},
        EXEMPLAR: {
            2: (TIME, _FIXED),
            3: (DOUBLE, _FIXED),
            4: (_SPAN + FIRST, _BYTES),
            5: (_SPAN + SECOND, _BYTES),
            6: (INT, _FIXED),
            7: (_ATTRIBUTE, _BYTES),
        },
        BUCKETS: {1: (SCALE, _VARINT), 2: (_COUNTED + AMOUNTS, _VARINT | _BYTES)},
    }
    for kind, fields in tables.items():
        for place, (role, wire) in fields.items():
            roles[kind, place], wires[kind, place] = role, wire
    return roles, wires


_ROLES, _WIRES = _tables()
# The kind of a metric by the number of its field `data`.
_KINDS = np.array([-1, -1, -1, -1, -1, GAUGE, -1, SUM, -1, HISTOGRAM, EXPONENTIAL, SUMMARY], np.int64)
# The number of the field that holds exemplars, and of the one that holds attributes, by kind.
_EXEMPLAR_FIELDS = np.array([5, 5, 8, 11, 0], np.int64)
ATTRIBUTE_FIELDS = np.array([7, 7, 9, 1, 7, 7], np.int64)


@njit(nogil=True, cache=True)
def outline(
    buf: Bytes, resources: Int64Array, scopes: Int64Array, metrics: Int64Array, found: Int64Array
) -> tuple[int, int]:
    """Find what a request holds: (status, offset).

    Fills, as far as they reach, resources, int64 (n, 2), the spans of their messages; scopes, int64 (n, 5),
    the resource's number and the spans of the scope's message and of its schema's URL; metrics, int64
    (n, METRIC_COLUMNS). found, int64 (4,), zero at first, takes how many there are, and data points.
    """
    at = 0
    while at < len(buf):
        tag, start, stop = field(buf, at, len(buf))
        if start < 0:
            return -start, stop
        if tag >> uint64(3) == uint64(1):
            if tag != uint64(10):
                return BAD_WIRE_TYPE, at
            status, offset = _outline_resource(buf, start, stop, resources, scopes, metrics, found)
            if status != OK:
                return status, offset
        at = stop
    return OK, at


@njit(nogil=True, cache=True)
def _outline_resource(
    buf: Bytes,
    at: int,
    end: int,
    resources: Int64Array,
    scopes: Int64Array,
    metrics: Int64Array,
    found: Int64Array,
) -> tuple[int, int]:
    row = found[0]
    found[0] += 1
    if row < len(resources):
        resources[row] = 0
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        if tag == uint64(10) and row < len(resources):
            resources[row, 0], resources[row, 1] = start, stop
        elif tag == uint64(18):
            status, offset = _outline_scope(buf, start, stop, row, scopes, metrics, found)
            if status != OK:
                return status, offset
        elif uint64(8) <= tag <= uint64(23) and tag & uint64(7) != uint64(2):
            return BAD_WIRE_TYPE, at
        at = stop
    return OK, at


@njit(nogil=True, cache=True)
def _outline_scope(
    buf: Bytes, at: int, end: int, resource: int, scopes: Int64Array, metrics: Int64Array, found: Int64Array
) -> tuple[int, int]:
    row = found[1]
    found[1] += 1
    is_kept = row < len(scopes)
    if is_kept:
        scopes[row] = 0
        scopes[row, 0] = resource
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        if uint64(8) <= tag <= uint64(31) and tag & uint64(7) != uint64(2):
            return BAD_WIRE_TYPE, at
        if tag == uint64(10) and is_kept:
            scopes[row, 1], scopes[row, 2] = start, stop
        elif tag == uint64(26) and is_kept:
            scopes[row, 3], scopes[row, 4] = start, stop
        elif tag == uint64(18):
            status, offset = _outline_metric(buf, start, stop, resource, row, metrics, found)
            if status != OK:
                return status, offset
        at = stop
    return OK, at


@njit(nogil=True, cache=True)
def _outline_metric(
    buf: Bytes, at: int, end: int, resource: int, scope: int, metrics: Int64Array, found: Int64Array
) -> tuple[int, int]:
    row = np.zeros(METRIC_COLUMNS, np.int64)
    row[RESOURCE], row[SCOPE], row[KIND] = resource, scope, -1
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        number = np.int64(min(tag >> uint64(3), uint64(99)))
        is_known = number <= 3 or (number <= 11 and _KINDS[number] >= 0)
        if is_known and tag & uint64(7) != uint64(2):
            return BAD_WIRE_TYPE, at
        if 1 <= number <= 3:
            row[NAME + 2 * number - 2], row[NAME + 2 * number - 1] = start, stop
        elif number <= 11 and _KINDS[number] >= 0:
            row[KIND], row[DATA], row[DATA + 1] = _KINDS[number], start, stop
            row[TEMPORALITY] = row[IS_MONOTONIC] = row[POINTS] = 0
            status, offset = _outline_data(buf, start, stop, row)
            if status != OK:
                return status, offset
        at = stop
    if found[2] < len(metrics):
        metrics[found[2]] = row
    found[2] += 1
    found[3] += row[POINTS]
    return OK, at


@njit(nogil=True, cache=True)
def _outline_data(buf: Bytes, at: int, end: int, row: Int64Array) -> tuple[int, int]:
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        if tag == uint64(10):
            row[POINTS] += 1
        elif tag == uint64(16):
            row[TEMPORALITY] = np.int64(varint(buf, start, stop)[0] & uint64(0xFF))
        elif tag == uint64(24):
            row[IS_MONOTONIC] = np.int64(varint(buf, start, stop)[0] != uint64(0))
        elif tag < uint64(32):
            return BAD_WIRE_TYPE, at
        at = stop
    return OK, at


@njit(nogil=True, cache=True)
def read_points(
    buf: Bytes,
    metrics: Int64Array,
    metric_of: Int64Array,
    words: UInt64Array,
    present: UInt16Array,
    spans: Int64Array,
) -> tuple[int, int]:
    """Read the data points of metrics that `outline` has found: (status, offset).

    Fills columns that are zero at first: metric_of, int64 (points,); words, uint64 (points, WORDS), bits as
    they are sent; present, uint16, a bit for each word that is there; spans, int64 (points, SPANS).
    """
    point = 0
    for metric in range(len(metrics)):
        at, end = metrics[metric, DATA], metrics[metric, DATA + 1]
        while at < end:
            tag, start, stop = field(buf, at, end)
            if tag == uint64(10):
                metric_of[point] = metric
                status, offset = _read(buf, start, stop, metrics[metric, KIND], words, present, spans, point)
                if status != OK:
                    return status, offset
                point += 1
            at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def read_messages(
    buf: Bytes,
    starts: Int64Array,
    ends: Int64Array,
    kind: int,
    words: UInt64Array,
    present: UInt16Array,
    spans: Int64Array,
) -> tuple[int, int]:
    """Read messages of one kind that lie in [starts, ends); columns as of `read_points`."""
    for row in range(len(starts)):
        status, offset = _read(buf, starts[row], ends[row], kind, words, present, spans, row)
        if status != OK:
            return status, offset
    return OK, 0


@njit(nogil=True, cache=True)
def _read(
    buf: Bytes,
    at: int,
    end: int,
    kind: int,
    words: UInt64Array,
    present: UInt16Array,
    spans: Int64Array,
    row: int,
) -> tuple[int, int]:
    spans[row, WHOLE], spans[row, WHOLE + 1] = at, end
    while at < end:
        tag, start, stop = field(buf, at, end)
        if start < 0:
            return -start, stop
        role, wire = np.int64(_NOTHING), tag & uint64(7)
        if tag < uint64(_FIELDS * 8):
            role = np.int64(_ROLES[kind, tag >> uint64(3)])
            allowed = _WIRES[kind, tag >> uint64(3)]
            bit = _VARINT if wire == uint64(0) else _FIXED if wire == uint64(1) else _BYTES
            if role >= 0 and (allowed & bit == 0 or wire == uint64(5)):
                return BAD_WIRE_TYPE, at
        if role == _ATTRIBUTE:
            if spans[row, ATTRIBUTE_COUNT] == 0:
                spans[row, ATTRIBUTES] = at
            spans[row, ATTRIBUTES + 1] = stop
            spans[row, ATTRIBUTE_COUNT] += 1
        elif 0 <= role < _SPAN:
            words[row, role] = word_at(buf, start) if wire == uint64(1) else varint(buf, start, stop)[0]
            present[row] |= np.uint16(1 << role)
        elif role >= _COUNTED:
            is_packed = wire == uint64(2) and (kind == BUCKETS or (kind == HISTOGRAM and role >= _PACKED))
            many = _values(buf, kind, start, stop) if is_packed else 1
            if many < 0:
                return TOO_LONG, at
            spans[row, role - _COUNTED] += many
        elif role >= _SPAN:
            spans[row, role - _SPAN], spans[row, role - _SPAN + 1] = start, stop
        at = stop
    return OK, 0


@njit(nogil=True, cache=True)
def _values(buf: Bytes, kind: int, start: int, stop: int) -> int:
    """How many numbers a packed field holds; -1 where they do not fill it."""
    if kind == HISTOGRAM:
        return (stop - start) // 8 if (stop - start) % 8 == 0 else -1
    many = 0
    for at in range(start, stop):
        many += buf[uint64(at)] < 0x80
    return -1 if stop > start and buf[uint64(stop - 1)] >= 0x80 else many


@njit(nogil=True, cache=True)
def locate_exemplars(
    buf: Bytes, kinds: Int64Array, spans: Int64Array, points: Int64Array, starts: Int64Array, ends: Int64Array
) -> None:
    """Where exemplars lie, and whose they are: int64 (exemplars,), as many as `spans` counts."""
    found = 0
    for row in range(len(kinds)):
        at, end = spans[row, WHOLE], spans[row, WHOLE + 1]
        if spans[row, EXEMPLARS] == 0:
            continue
        while at < end:
            tag, start, stop = field(buf, at, end)
            if tag >> uint64(3) == uint64(_EXEMPLAR_FIELDS[kinds[row]]):
                points[found], starts[found], ends[found] = row, start, stop
                found += 1
            at = stop
