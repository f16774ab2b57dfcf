"""Work of the tape drives (kernel, Documentation/scsi/st.rst)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from collector.families import Family, Reading, Row, counter, gauge, grouped
from collector.node.roots import Roots, attributes, listing

_NANOSECONDS = 1e9

# File -> family and what divides it.
STATISTICS: Mapping[str, tuple[Family, float]] = {
    "in_flight": (
        gauge("node_tape_io_now", "The number of I/Os currently outstanding to this device.", "device"),
        1.0,
    ),
    "io_ns": (
        counter(
            "node_tape_io_time_seconds_total",
            "The amount of time spent waiting for all I/O to complete (including read and write). This"
            " includes tape movement commands such as seeking between file or set marks and implicit tape"
            " movement such as when rewind on close tape devices are used.",
            "device",
        ),
        _NANOSECONDS,
    ),
    "other_cnt": (
        counter(
            "node_tape_io_others_total",
            "The number of I/Os issued to the tape drive other than read or write commands. The time taken to"
            " complete these commands uses the following calculation"
            " io_time_seconds_total-read_time_seconds_total-write_time_seconds_total",
            "device",
        ),
        1.0,
    ),
    "read_byte_cnt": (
        counter("node_tape_read_bytes_total", "The number of bytes read from the tape drive.", "device"),
        1.0,
    ),
    "read_cnt": (
        counter(
            "node_tape_reads_completed_total",
            "The number of read requests issued to the tape drive.",
            "device",
        ),
        1.0,
    ),
    "read_ns": (
        counter(
            "node_tape_read_time_seconds_total",
            "The amount of time spent waiting for read requests to complete.",
            "device",
        ),
        _NANOSECONDS,
    ),
    "resid_cnt": (
        counter(
            "node_tape_residual_total",
            "The number of times during a read or write we found the residual amount to be non-zero. This"
            " should mean that a program is issuing a read larger thean the block size on tape. For write not"
            " all data made it to tape.",
            "device",
        ),
        1.0,
    ),
    "write_byte_cnt": (
        counter("node_tape_written_bytes_total", "The number of bytes written to the tape drive.", "device"),
        1.0,
    ),
    "write_cnt": (
        counter(
            "node_tape_writes_completed_total",
            "The number of write requests issued to the tape drive.",
            "device",
        ),
        1.0,
    ),
    "write_ns": (
        counter(
            "node_tape_write_time_seconds_total",
            "The amount of time spent waiting for write requests to complete.",
            "device",
        ),
        _NANOSECONDS,
    ),
}

# Each drive has further names, for other modes and without rewinding.
_DRIVE = re.compile(r"^st\d+$")


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where there is no drive, ValueError."""
    return grouped(_rows(f"{roots.sys}/class/scsi_tape"))


def _rows(directory: str) -> Iterator[Row]:
    for device in listing(directory):
        if _DRIVE.match(device):
            for name, text in attributes(f"{directory}/{device}/stats", tuple(STATISTICS)).items():
                family, divisor = STATISTICS[name]
                yield family, (device,), float(text) / divisor
