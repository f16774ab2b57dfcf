"""Space and inodes of the mounted file systems."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Thread

from collector.families import Reading, gauge
from collector.node.roots import Roots

MOUNT_POINTS_EXCLUDE = (
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
TYPES_EXCLUDE = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs"
    r"|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$"
)
"""Both are node_exporter's defaults."""

ANSWER_AT_ONCE = frozenset(
    {"btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "ramfs", "tmpfs", "vfat", "xfs"}
)
"""File systems whose statvfs is answered from memory."""

_LABELS = ("device", "mountpoint", "fstype")
SIZE = gauge("node_filesystem_size_bytes", "Filesystem size in bytes.", *_LABELS)
FREE = gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.", *_LABELS)
AVAILABLE = gauge(
    "node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes.", *_LABELS
)
FILES = gauge("node_filesystem_files", "Filesystem total file nodes.", *_LABELS)
FILES_FREE = gauge("node_filesystem_files_free", "Filesystem total free file nodes.", *_LABELS)
READONLY = gauge("node_filesystem_readonly", "Filesystem read-only status.", *_LABELS, "device_error")
ERROR = gauge(
    "node_filesystem_device_error",
    "Whether an error occurred while getting statistics for the given device.",
    *_LABELS,
    "device_error",
)
MOUNT = gauge(
    "node_filesystem_mount_info",
    "Filesystem mount information.",
    "device",
    "major",
    "minor",
    "mountpoint",
)

_ESCAPE = re.compile(r"\\([0-7]{3})")

Statvfs = Callable[[str], os.statvfs_result]
Answer = os.statvfs_result | str
"""What statvfs said, or why it said nothing."""

_NO_ANSWER = "mountpoint timeout"


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo. number: 'major:minor' of the device."""

    device: str
    point: str
    type: str
    read_only: bool
    number: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """Values of the labels device, mountpoint, fstype."""
        return (self.device, self.point, self.type)


def parse_mounts(text: str) -> list[Mount]:
    """/proc/<pid>/mountinfo (proc(5)) to mounts."""
    mounts = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        number, _, point, options = before.split(" ")[2:6]
        kind, device, *rest = after.split(" ")
        read_only = "ro" in options.split(",") or "ro" in ",".join(rest).split(",")
        mounts.append(Mount(_unescape(device), _unescape(point), kind, read_only, number))
    return mounts


def host_mounts(text: str, rootfs: str) -> list[Mount]:
    """Mounts as the host names them, those with equal labels once."""
    mounts: dict[tuple[str, ...], Mount] = {}
    for mount in parse_mounts(text):
        host = replace(mount, point=strip_rootfs(mount.point, rootfs)) if rootfs else mount
        mounts.setdefault(host.labels, host)
    return list(mounts.values())


def _unescape(text: str) -> str:
    """The kernel writes blank, tab, newline and backslash in octal."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)


def strip_rootfs(point: str, rootfs: str) -> str:
    """A mount point as the host names it, given where the host's root is mounted here."""
    return (point[len(rootfs) :] or "/") if rootfs and f"{point}/".startswith(f"{rootfs}/") else point


def is_below(path: str, points: Sequence[str]) -> bool:
    """Whether a path is one of the mount points or lies below one."""
    return any(f"{path.rstrip('/')}/".startswith(f"{point.rstrip('/')}/") for point in points)


@dataclass(slots=True)
class Prober:
    """Calls statvfs in daemon threads, since a dead network mount blocks it for ever, signals or not.

    `pending` are the paths that have not answered yet; they are not asked again until they have.
    """

    timeout_s: float = 2.0
    statvfs: Statvfs = os.statvfs
    pending: set[str] = field(default_factory=set)

    def probe(self, paths: Sequence[str]) -> dict[str, Answer]:
        """Answers by path, after `timeout_s` at the latest."""
        found: dict[str, Answer] = {}
        threads = [self._ask(path, found) for path in paths if path not in self.pending]
        deadline = time.monotonic() + self.timeout_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return {path: found.get(path, _NO_ANSWER) for path in paths}

    def ask_now(self, paths: Sequence[str]) -> dict[str, Answer]:
        """The same for paths that cannot hang, without the half millisecond of a thread each."""
        return {path: self._answer(path) for path in paths}

    def _answer(self, path: str) -> Answer:
        try:
            return self.statvfs(path)
        except (OSError, ValueError) as error:
            # node_exporter gives the system's words in lower case.
            return os.strerror(error.errno or 0).lower() if isinstance(error, OSError) else str(error)

    def _ask(self, path: str, found: dict[str, Answer]) -> Thread:
        def ask() -> None:
            found[path] = self._answer(path)
            self.pending.discard(path)

        self.pending.add(path)
        thread = Thread(target=ask, name="statvfs", daemon=True)
        thread.start()
        return thread


def readings(mounts: Sequence[Mount], found: Mapping[tuple[str, ...], Answer]) -> list[Reading]:
    """Mounts, and what statvfs said of each (by its labels), to readings."""
    sizes = [(labels, each) for labels, each in found.items() if not isinstance(each, str)]
    errors = {labels: each for labels, each in found.items() if isinstance(each, str)}
    told = [(mount, (*mount.labels, errors.get(mount.labels, ""))) for mount in mounts]
    return [
        SIZE.rows({labels: float(each.f_blocks * each.f_frsize) for labels, each in sizes}),
        FREE.rows({labels: float(each.f_bfree * each.f_frsize) for labels, each in sizes}),
        AVAILABLE.rows({labels: float(each.f_bavail * each.f_frsize) for labels, each in sizes}),
        FILES.rows({labels: float(each.f_files) for labels, each in sizes}),
        FILES_FREE.rows({labels: float(each.f_ffree) for labels, each in sizes}),
        READONLY.rows({labels: float(mount.read_only) for mount, labels in told}),
        ERROR.rows({labels: float(mount.labels in errors) for mount, labels in told}),
        MOUNT.rows({_numbered(mount): 1.0 for mount in mounts if mount.labels not in errors}),
    ]


def _numbered(mount: Mount) -> tuple[str, ...]:
    major, _, minor = mount.number.partition(":")
    return (mount.device, major, minor, mount.point)


@dataclass(slots=True)
class FileSystem:
    """Reads the mounts of the machine whose mount points and types do not match the patterns."""

    points_exclude: re.Pattern[str] = field(default_factory=lambda: re.compile(MOUNT_POINTS_EXCLUDE))
    types_exclude: re.Pattern[str] = field(default_factory=lambda: re.compile(TYPES_EXCLUDE))
    prober: Prober = field(default_factory=Prober)

    def __call__(self, roots: Roots) -> list[Reading]:
        """One reading. Raises OSError."""
        every = host_mounts(_mountinfo(roots), roots.rootfs)
        doubtful = [mount.point for mount in every if self._is_doubtful(mount)]
        chosen = [mount for mount in every if self._is_chosen(mount)]
        paths = {mount.labels: f"{roots.rootfs}{mount.point}" for mount in chosen}
        slow = {mount.labels for mount in chosen if is_below(mount.point, doubtful)}
        answers = {
            **self.prober.ask_now([path for labels, path in paths.items() if labels not in slow]),
            **self.prober.probe([paths[labels] for labels in slow]),
        }
        return readings(chosen, {labels: answers[path] for labels, path in paths.items()})

    def _is_chosen(self, mount: Mount) -> bool:
        return not self.points_exclude.search(mount.point) and not self.types_exclude.search(mount.type)

    def _is_doubtful(self, mount: Mount) -> bool:
        """Whether statvfs, or walking the path, may hang: it is on a network or served by a process."""
        return mount.type not in ANSWER_AT_ONCE and not self.types_exclude.search(mount.type)


def _mountinfo(roots: Roots) -> str:
    """The mounts that the first process sees are the machine's; ours may be a container's."""
    try:
        return roots.proc_text("1/mountinfo")
    except OSError:
        return roots.proc_text("self/mountinfo")
