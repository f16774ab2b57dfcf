"""Procedures of the Network File System, in the order in which the kernel counts them.

The names are node_exporter's. Sources: RFC 1094 (version 2), RFC 1813 (version 3), the kernel's
include/linux/nfs4.h (operations of the client) and RFC 7530 with 8881 (operations of the server).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def _names(*lines: str) -> tuple[str, ...]:
    return tuple(" ".join(lines).split())


V2 = _names(
    "Null GetAttr SetAttr Root Lookup ReadLink Read WrCache Write Create Remove Rename Link SymLink MkDir",
    "RmDir ReadDir FsStat",
)
V3 = _names(
    "Null GetAttr SetAttr Lookup Access ReadLink Read Write Create MkDir SymLink MkNod Remove RmDir Rename",
    "Link ReadDir ReadDirPlus FsStat FsInfo PathConf Commit",
)
V4_CLIENT = _names(
    "Null Read Write Commit Open OpenConfirm OpenNoattr OpenDowngrade Close Setattr FsInfo Renew SetClientID",
    "SetClientIDConfirm Lock Lockt Locku Access Getattr Lookup LookupRoot Remove Rename Link Symlink Create",
    "Pathconf StatFs ReadLink ReadDir ServerCaps DelegReturn GetACL SetACL FsLocations ReleaseLockowner",
    "Secinfo FsidPresent ExchangeID CreateSession DestroySession Sequence GetLeaseTime ReclaimComplete",
    "GetDeviceInfo LayoutGet LayoutCommit LayoutReturn SecinfoNoName TestStateID FreeStateID GetDeviceList",
    "BindConnToSession DestroyClientID Seek Allocate DeAllocate LayoutStats Clone",
)
# The first three numbers are no operations. What stands at -- node_exporter does not tell.
V4_SERVER = _names(
    "-- -- -- Access Close Commit Create DelegPurge DelegReturn GetAttr GetFH Link Lock Lockt Locku Lookup",
    "LookupRoot Nverify Open OpenAttr OpenConfirm OpenDgrd PutFH -- -- Read ReadDir ReadLink Remove Rename",
    "Renew RestoreFH SaveFH SecInfo SetAttr SetClientID SetClientIDConfirm Verify Write RelLockOwner",
)

UNTOLD = "--"
"""A procedure that is left out."""


def fields(text: str) -> dict[str, list[str]]:
    """/proc/net/rpc/nfs or nfsd: lines of a word and numbers."""
    lines = (line.split() for line in text.splitlines())
    return {words[0]: words[1:] for words in lines if words}


def calls(names: Sequence[str], numbers: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Calls by procedure. `numbers` begin with how many follow; an older kernel knows fewer procedures."""
    known = [float(number) for number in numbers[1:]]
    for i, name in enumerate(names):
        if name != UNTOLD:
            yield name, known[i] if i < len(known) else 0.0


def requests(
    known: Mapping[str, Sequence[str]], versions: Mapping[str, tuple[str, Sequence[str]]]
) -> dict[tuple[str, ...], float]:
    """Calls by (version, procedure); `versions` are a line's word to the version and its procedures."""
    return {
        (version, method): value
        for word, (version, names) in versions.items()
        if word in known
        for method, value in calls(names, known[word])
    }
