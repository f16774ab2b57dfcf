"""Work of the XFS file systems: the counters of fs/xfs/xfs_stats.h."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from collector.families import Family, Reading, Row, counter, grouped
from collector.node.roots import Roots, listing_if_any, optional_text


def _families(prefix: str, names: Mapping[str, str]) -> tuple[Family, ...]:
    return tuple(counter(f"node_xfs_{prefix}{name}_total", text, "device") for name, text in names.items())


def _btree(prefix: str, tree: str) -> tuple[Family, ...]:
    return _families(
        prefix,
        {
            "lookups": f"Number of {tree} B-tree lookups for a filesystem.",
            "compares": f"Number of {tree} B-tree compares for a filesystem.",
            "records_inserted": f"Number of {tree} B-tree records inserted for a filesystem.",
            "records_deleted": f"Number of {tree} B-tree records deleted for a filesystem.",
        },
    )


# First word of a line -> the families of its columns.
LINES: Mapping[str, Sequence[Family]] = {
    "extent_alloc": _families(
        "extent_allocation_",
        {
            "extents_allocated": "Number of extents allocated for a filesystem.",
            "blocks_allocated": "Number of blocks allocated for a filesystem.",
            "extents_freed": "Number of extents freed for a filesystem.",
            "blocks_freed": "Number of blocks freed for a filesystem.",
        },
    ),
    "abt": _btree("allocation_btree_", "allocation"),
    "blk_map": _families(
        "block_mapping_",
        {
            "reads": "Number of block map for read operations for a filesystem.",
            "writes": "Number of block map for write operations for a filesystem.",
            "unmaps": "Number of block unmaps (deletes) for a filesystem.",
            "extent_list_insertions": "Number of extent list insertions for a filesystem.",
            "extent_list_deletions": "Number of extent list deletions for a filesystem.",
            "extent_list_lookups": "Number of extent list lookups for a filesystem.",
            "extent_list_compares": "Number of extent list compares for a filesystem.",
        },
    ),
    "bmbt": _btree("block_map_btree_", "block map"),
    "dir": _families(
        "directory_operation_",
        {
            "lookup": "Number of file name directory lookups which miss the operating systems directory name"
            " lookup cache.",
            "create": "Number of times a new directory entry was created for a filesystem.",
            "remove": "Number of times an existing directory entry was created for a filesystem.",
            "getdents": "Number of times the directory getdents operation was performed for a filesystem.",
        },
    ),
    "ig": _families(
        "inode_operation_",
        {
            "attempts": "Number of times the OS looked for an XFS inode in the inode cache.",
            "found": "Number of times the OS looked for and found an XFS inode in the inode cache.",
            "recycled": "Number of times the OS found an XFS inode in the cache, but could not use it as it"
            " was being recycled.",
            "missed": "Number of times the OS looked for an XFS inode in the cache, but did not find it.",
            "duplicates": "Number of times the OS tried to add a missing XFS inode to the inode cache, but"
            " found it had already been added by another process.",
            "reclaims": "Number of times the OS reclaimed an XFS inode from the inode cache to free memory"
            " for another purpose.",
            "attribute_changes": "Number of times the OS explicitly changed the attributes of an XFS inode.",
        },
    ),
    "rw": _families(
        "",
        {
            "write_calls": "Number of write(2) system calls made to files in a filesystem.",
            "read_calls": "Number of read(2) system calls made to files in a filesystem.",
        },
    ),
    "vnodes": _families(
        "vnode_",
        {
            "active": "Number of vnodes not on free lists for a filesystem.",
            "allocate": "Number of times vn_alloc called for a filesystem.",
            "get": "Number of times vn_get called for a filesystem.",
            "hold": "Number of times vn_hold called for a filesystem.",
            "release": "Number of times vn_rele called for a filesystem.",
            "reclaim": "Number of times vn_reclaim called for a filesystem.",
            "remove": "Number of times vn_remove called for a filesystem.",
        },
    ),
}


def parse(device: str, text: str) -> Iterator[Row]:
    """A file system's `stats`: lines of a word and numbers; lines and columns that are not known are left."""
    for line in text.splitlines():
        word, *columns = line.split() or [""]
        for family, column in zip(LINES.get(word, ()), columns, strict=False):
            yield family, (device,), float(column)


def read(roots: Roots) -> list[Reading]:
    """One reading, empty where there is none. Raises OSError, ValueError."""
    return grouped(_rows(f"{roots.sys}/fs/xfs"))


def _rows(directory: str) -> Iterator[Row]:
    for device in listing_if_any(directory):
        text = optional_text(f"{directory}/{device}/stats/stats")
        if text:
            yield from parse(device, text)
