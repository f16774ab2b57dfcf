"""Disks cached on faster ones by bcache (kernel, Documentation/admin-guide/bcache.rst)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from collector.families import Family, Reading, Row, counter, gauge, grouped
from collector.node.roots import Roots, attributes, listing, listing_if_any, optional_text

_BACKING = ("uuid", "backing_device")
_CACHE = ("uuid", "cache_device")


def _gauge(name: str, text: str, *labels: str) -> Family:
    return gauge(f"node_bcache_{name}", text, *(labels or ("uuid",)))


def _counter(name: str, text: str, *labels: str) -> Family:
    return counter(f"node_bcache_{name}_total", text, *(labels or ("uuid",)))


# File of a cache set -> family.
SET: Mapping[str, Family] = {
    "average_key_size": _gauge("average_key_size_sectors", "Average data per key in the btree (sectors)."),
    "btree_cache_size": _gauge(
        "btree_cache_size_bytes", "Amount of memory currently used by the btree cache."
    ),
    "cache_available_percent": _gauge(
        "cache_available_percent",
        "Percentage of cache device without dirty data, usable for writeback (may contain clean cached"
        " data).",
    ),
    "congested": _gauge("congested", "Congestion."),
    "root_usage_percent": _gauge(
        "root_usage_percent",
        "Percentage of the root btree node in use (tree depth increases if too high).",
    ),
    "tree_depth": _gauge("tree_depth", "Depth of the btree."),
    "internal/active_journal_entries": _gauge(
        "active_journal_entries", "Number of journal entries that are newer than the index."
    ),
    "internal/btree_nodes": _gauge("btree_nodes", "Total nodes in the btree."),
    "internal/cache_read_races": _counter(
        "cache_read_races",
        "Counts instances where while data was being read from the cache, the bucket was reused and"
        " invalidated - i.e. where the pointer was stale after the read completed.",
    ),
}
READ_DURATION = _gauge("btree_read_average_duration_seconds", "Average btree read duration.")
_READ_DURATION_US = "internal/btree_read_average_duration_us"

# File of a backing device's stats_total -> family.
BACKING: Mapping[str, Family] = {
    "bypassed": _counter(
        "bypassed_bytes", "Amount of IO (both reads and writes) that has bypassed the cache.", *_BACKING
    ),
    "cache_hits": _counter("cache_hits", "Hits counted per individual IO as bcache sees them.", *_BACKING),
    "cache_misses": _counter(
        "cache_misses", "Misses counted per individual IO as bcache sees them.", *_BACKING
    ),
    "cache_bypass_hits": _counter("cache_bypass_hits", "Hits for IO intended to skip the cache.", *_BACKING),
    "cache_bypass_misses": _counter(
        "cache_bypass_misses", "Misses for IO intended to skip the cache.", *_BACKING
    ),
    "cache_miss_collisions": _counter(
        "cache_miss_collisions",
        "Instances where data insertion from cache miss raced with write (data already present).",
        *_BACKING,
    ),
    "cache_readaheads": _counter("cache_readaheads", "Count of times readahead occurred.", *_BACKING),
}
DIRTY = _gauge("dirty_data_bytes", "Amount of dirty data for this backing device in the cache.", *_BACKING)
# Line of writeback_rate_debug -> family.
WRITEBACK: Mapping[str, Family] = {
    "rate": _gauge("writeback_rate", "Current writeback rate for this backing device in bytes.", *_BACKING),
    "target": _gauge(
        "dirty_target_bytes",
        "Current dirty data target threshold for this backing device in bytes.",
        *_BACKING,
    ),
    "proportional": _gauge(
        "writeback_rate_proportional_term",
        "Current result of proportional controller, part of writeback rate",
        *_BACKING,
    ),
    "integral": _gauge(
        "writeback_rate_integral_term",
        "Current result of integral controller, part of writeback rate",
        *_BACKING,
    ),
    "change": _gauge(
        "writeback_change", "Last writeback rate change step for this backing device.", *_BACKING
    ),
}
# File of a cache device -> family.
DEVICE: Mapping[str, Family] = {
    "io_errors": _gauge(
        "io_errors", "Number of errors that have occurred, decayed by io_error_halflife.", *_CACHE
    ),
    "metadata_written": _counter(
        "metadata_written_bytes",
        "Sum of all non data writes (btree writes and all other metadata).",
        *_CACHE,
    ),
    "written": _counter("written_bytes", "Sum of all data that has been written to the cache.", *_CACHE),
}
# Line of priority_stats -> family.
PRIORITY: Mapping[str, Family] = {
    "Unused": _gauge(
        "priority_stats_unused_percent",
        "The percentage of the cache that doesn't contain any data.",
        *_CACHE,
    ),
    "Metadata": _gauge("priority_stats_metadata_percent", "Bcache's metadata overhead.", *_CACHE),
}

_NUMBER = re.compile(r"^(-?)(\d+)(?:\.(\d))?([kMGTPEZY]?)$")
_POWERS = "kMGTPEZY"


def number(text: str) -> float:
    """A number as bcache writes it, such as '20.4G': a digit after the point counts hundreds of 1024 parts.

    Raises ValueError.
    """
    found = _NUMBER.match(text)
    if not found:
        raise ValueError(f"{text!r} is not a number such as 20.4G")
    sign, whole, part, unit = found.groups()
    power = _POWERS.index(unit) + 1 if unit else 0
    value = int(whole) * 1024**power
    if power and part:
        value += int(part) * 100 * 1024 ** (power - 1)
    return float(-value if sign else value)


@dataclass(frozen=True, slots=True)
class Bcache:
    """Reads all cache sets. priority_stats: walks a cache's buckets, which is slow, hence off by default."""

    priority_stats: bool = False

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading, empty where there is none. Raises OSError, ValueError."""
        return grouped(self._rows(f"{roots.sys}/fs/bcache"))

    def _rows(self, directory: str) -> Iterator[Row]:
        for uuid in listing_if_any(directory):
            # The module's own files lie beside the sets.
            if "-" not in uuid:
                continue
            path = f"{directory}/{uuid}"
            texts = attributes(path, (*SET, _READ_DURATION_US))
            for name, family in SET.items():
                yield family, (uuid,), number(texts.get(name, "0"))
            yield READ_DURATION, (uuid,), float(texts.get(_READ_DURATION_US, 0)) * 1e-9
            for name in listing(path):
                if name.startswith("bdev"):
                    yield from _backing(f"{path}/{name}", (uuid, name))
                elif name.startswith("cache") and name[5:].isdigit():
                    yield from self._cache(f"{path}/{name}", (uuid, name))

    def _cache(self, path: str, labels: tuple[str, str]) -> Iterator[Row]:
        for name, text in attributes(path, tuple(DEVICE)).items():
            yield DEVICE[name], labels, number(text)
        if not self.priority_stats:
            return
        for line in (optional_text(f"{path}/priority_stats") or "").splitlines():
            name, _, value = line.partition(":")
            if name in PRIORITY:
                yield PRIORITY[name], labels, float(value.strip().removesuffix("%"))


def _backing(path: str, labels: tuple[str, str]) -> Iterator[Row]:
    for name, text in attributes(f"{path}/stats_total", tuple(BACKING)).items():
        yield BACKING[name], labels, number(text)
    yield DIRTY, labels, number(optional_text(f"{path}/dirty_data") or "0")
    for line in (optional_text(f"{path}/writeback_rate_debug") or "").splitlines():
        name, _, value = line.partition(":")
        if name in WRITEBACK:
            yield WRITEBACK[name], labels, number(value.strip().removesuffix("/sec"))
