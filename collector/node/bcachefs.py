"""Bcachefs file systems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from collector.families import Family, Reading, Row, counter, gauge, grouped
from collector.node.roots import Roots, attributes, listing, listing_if_any, optional_text, read_text

INFO = gauge("node_bcachefs_info", "Filesystem information.", "uuid")
CACHE = gauge("node_bcachefs_btree_cache_size_bytes", "Btree cache memory usage in bytes.", "uuid")
WRITES = counter("node_bcachefs_btree_writes_total", "Number of btree writes by type.", "uuid", "type")
WRITE_SIZE = gauge(
    "node_bcachefs_btree_write_average_size_bytes", "Average btree write size by type.", "uuid", "type"
)
COMPRESSED = gauge(
    "node_bcachefs_compression_compressed_bytes", "Compressed size by algorithm.", "uuid", "algorithm"
)
UNCOMPRESSED = gauge(
    "node_bcachefs_compression_uncompressed_bytes", "Uncompressed size by algorithm.", "uuid", "algorithm"
)
ERRORS = counter("node_bcachefs_errors_total", "Error count by error type.", "uuid", "error_type")
_DEVICE = ("uuid", "device")
DEVICE = gauge("node_bcachefs_device_info", "Device information.", *_DEVICE, "label", "state")
BUCKET = gauge("node_bcachefs_device_bucket_size_bytes", "Bucket size in bytes.", *_DEVICE)
BUCKETS = gauge("node_bcachefs_device_buckets", "Total number of buckets.", *_DEVICE)
DURABILITY = gauge("node_bcachefs_device_durability", "Device durability setting.", *_DEVICE)
IO_BYTES = counter(
    "node_bcachefs_device_io_done_bytes_total",
    "IO bytes by operation type and data type.",
    *_DEVICE,
    "operation",
    "data_type",
)
IO_ERRORS = counter("node_bcachefs_device_io_errors_total", "IO errors by error type.", *_DEVICE, "type")

_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)([kMGTPE]?)$")
_POWERS = "kMGTPE"
_EVER = "since filesystem creation"


def number(text: str) -> float:
    """A number such as '2.05G', in powers of 1024, cut to a whole one. Raises ValueError."""
    found = _NUMBER.match(text)
    if not found:
        raise ValueError(f"{text!r} is not a number such as 2.05G")
    return float(int(float(found[1]) * 1024 ** (_POWERS.index(found[2]) + 1 if found[2] else 0)))


@lru_cache(maxsize=1024)
def _counter(name: str) -> Family:
    return counter(
        f"node_bcachefs_{name}_total", f"Bcachefs counter {name} since filesystem creation.", "uuid"
    )


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where there is none, ValueError."""
    return grouped(_rows(f"{roots.sys}/fs/bcachefs"))


def _rows(directory: str) -> Iterator[Row]:
    for uuid in listing(directory):
        path = f"{directory}/{uuid}"
        yield INFO, (uuid,), 1.0
        yield CACHE, (uuid,), number(optional_text(f"{path}/btree_cache_size") or "0")
        for name in listing_if_any(f"{path}/counters"):
            for line in read_text(f"{path}/counters/{name}").splitlines():
                if line.startswith(_EVER):
                    yield _counter(name), (uuid,), number(line.split()[-1])
        yield from _tables(path, uuid)
        for name in listing(path):
            if name.startswith("dev-"):
                yield from _device(f"{path}/{name}", (uuid, name.removeprefix("dev-")))


def _tables(path: str, uuid: str) -> Iterator[Row]:
    for line in (optional_text(f"{path}/btree_write_stats") or "").splitlines()[1:]:
        kind, count, size = line.split()
        yield WRITES, (uuid, kind.rstrip(":")), number(count)
        yield WRITE_SIZE, (uuid, kind.rstrip(":")), number(size)
    for line in (optional_text(f"{path}/compression_stats") or "").splitlines()[1:]:
        algorithm, compressed, uncompressed = line.split()[:3]
        yield COMPRESSED, (uuid, algorithm), number(compressed)
        yield UNCOMPRESSED, (uuid, algorithm), number(uncompressed)
    for line in (optional_text(f"{path}/errors") or "").splitlines():
        kind, count = line.split()[:2]
        yield ERRORS, (uuid, kind), number(count)


def _device(path: str, labels: tuple[str, str]) -> Iterator[Row]:
    names = ("label", "state", "bucket_size", "nbuckets", "durability", "io_done", "io_errors")
    texts = attributes(path, names)
    yield DEVICE, (*labels, texts.get("label", ""), texts.get("state", "")), 1.0
    for name, family in (("bucket_size", BUCKET), ("nbuckets", BUCKETS), ("durability", DURABILITY)):
        if texts.get(name):
            yield family, labels, number(texts[name])
    operation = ""
    for line in texts.get("io_done", "").splitlines():
        kind, _, count = (part.strip() for part in line.partition(":"))
        if count:
            yield IO_BYTES, (*labels, operation, kind), number(count)
        else:
            operation = kind
    yield from _errors(texts.get("io_errors", ""), labels)


def _errors(text: str, labels: tuple[str, str]) -> Iterator[Row]:
    """The first of two blocks, each a line that says since when, and indented lines."""
    blocks = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    for block in blocks:
        head, *lines = block.splitlines() or [""]
        if _EVER in head:
            for line in lines:
                kind, _, count = line.partition(":")
                yield IO_ERRORS, (*labels, kind.strip()), number(count.strip())
