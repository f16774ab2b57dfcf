"""ZFS: the statistics below /proc/spl/kstat/zfs, of the module and of its pools."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from collector.families import Family, Reading, Row, gauge, grouped, unknown
from collector.node.roots import Roots, listing, optional_text, read_text

# File -> what its metrics are called.
FILES = {
    "abdstats": "abd",
    "arcstats": "arc",
    "dbufstats": "dbuf",
    "dmu_tx": "dmu_tx",
    "dnodestats": "dnode",
    "fm": "fm",
    "vdev_cache_stats": "vdev_cache",
    "vdev_mirror_stats": "vdev_mirror",
    "xuio_stats": "xuio",
    "zfetchstats": "zfetch",
    "zil": "zil",
}
STATES = ("online", "degraded", "faulted", "offline", "removed", "unavail", "suspended")
STATE = gauge("node_zfs_zpool_state", "kstat.zfs.misc.state", "zpool", "state")

_NUMBERS = {"3", "4"}  # kinds of data: signed and unsigned, 64 bits
_HEAD = 2  # lines before a table's rows: the statistic itself, the names of the columns


@lru_cache(maxsize=4096)
def _family(group: str, source: str, name: str, *labels: str) -> Family:
    metric = f"node_zfs_{group}_{name}".replace("-", "_").replace(".", "_")
    return unknown(metric, f"kstat.zfs.misc.{source}.{name}", *labels)


def parse_table(text: str) -> Iterator[tuple[str, str, str]]:
    """(name, kind, data) of each row."""
    for line in text.splitlines()[_HEAD:]:
        name, kind, data = line.split(maxsplit=2)
        yield name, kind, data


def parse_io(text: str) -> dict[str, float]:
    """A pool's `io`: the names, then their numbers."""
    names, numbers = (line.split() for line in text.splitlines()[1:3])
    return dict(zip(names, map(float, numbers), strict=True))


def read(roots: Roots) -> list[Reading]:
    """One reading. Raises OSError where the module is not loaded, ValueError."""
    return grouped(_rows(f"{roots.proc}/spl/kstat/zfs"))


def _rows(directory: str) -> Iterator[Row]:
    for name in listing(directory):
        path = f"{directory}/{name}"
        if name in FILES:
            for field, kind, data in parse_table(read_text(path)):
                if kind in _NUMBERS:
                    yield _family(FILES[name], name, field), (), float(data)
        else:
            yield from _pool(path, name)


def _pool(path: str, pool: str) -> Iterator[Row]:
    """A directory is a pool; other files are left."""
    try:
        names = listing(path)
    except NotADirectoryError:
        return
    state = optional_text(f"{path}/state")
    if state:
        for each in STATES:
            yield STATE, (pool, each), float(each == state.lower())
    if "io" in names:
        for field, value in parse_io(read_text(f"{path}/io")).items():
            yield _family("zpool", "io", field, "zpool"), (pool,), value
    for name in names:
        if name.startswith("objset-"):
            yield from _dataset(read_text(f"{path}/{name}"), pool)


def _dataset(text: str, pool: str) -> Iterator[Row]:
    rows = list(parse_table(text))
    dataset = next((data.strip() for name, _, data in rows if name == "dataset_name"), "")
    for name, kind, data in rows:
        if kind in _NUMBERS:
            family = _family("zpool_dataset", "objset", name, "zpool", "dataset")
            yield family, (pool, dataset), float(data)
