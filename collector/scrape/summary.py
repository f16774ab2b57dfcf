"""The kubelet's `/stats/summary`: what cAdvisor does not tell, as metrics.

The API has no names for metrics, so these are ours: `kubelet_summary_<what>_<part>_<unit>`. Only what other
pages of the kubelet lack is read: file systems of the node, of pods' ephemeral storage, of containers' root
and logs, of volumes, and counts of processes. Format: k8s.io/kubelet/pkg/apis/stats/v1alpha1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from collector.scrape.page import Page
from collector.scrape.text import TextReader
from storage.errors import DecodeError


class _Space(msgspec.Struct, rename="camel", frozen=True):
    """Names as in JSON. What is null, or is not there, is not told."""

    available_bytes: int | None = None
    capacity_bytes: int | None = None
    used_bytes: int | None = None
    inodes: int | None = None
    inodes_free: int | None = None
    inodes_used: int | None = None


class _Claim(msgspec.Struct, rename="camel", frozen=True):
    name: str = ""
    namespace: str = ""


class _Volume(_Space, rename="camel", frozen=True):
    name: str = ""
    pvc_ref: _Claim | None = None


class _Container(msgspec.Struct, rename="camel", frozen=True):
    name: str = ""
    rootfs: _Space | None = None
    logs: _Space | None = None


class _Pod(msgspec.Struct, rename="camel", frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""


class _Processes(msgspec.Struct, frozen=True):
    process_count: int | None = None


class _PodStats(msgspec.Struct, rename="camel", frozen=True):
    pod_ref: _Pod
    containers: list[_Container] | None = None
    volume: list[_Volume] | None = None
    ephemeral_storage: _Space | None = msgspec.field(name="ephemeral-storage", default=None)
    process_stats: _Processes | None = msgspec.field(name="process_stats", default=None)


class _Runtime(msgspec.Struct, rename="camel", frozen=True):
    image_fs: _Space | None = None
    container_fs: _Space | None = None


class _Processing(msgspec.Struct, rename="camel", frozen=True):
    maxpid: int | None = None
    curproc: int | None = None


class _Node(msgspec.Struct, rename="camel", frozen=True):
    fs: _Space | None = None
    runtime: _Runtime | None = None
    rlimit: _Processing | None = None


class _Summary(msgspec.Struct, rename="camel", frozen=True):
    node: _Node
    pods: list[_PodStats] | None = None


_DECODER: Final = msgspec.json.Decoder(_Summary)
_PARTS: Final = (
    ("used_bytes", "Bytes in use of {}."),
    ("available_bytes", "Bytes that may still be written to {}."),
    ("capacity_bytes", "Bytes that {} can hold."),
    ("inodes_used", "Inodes in use of {}."),
    ("inodes_free", "Inodes that are free of {}."),
    ("inodes", "Inodes of {}."),
)
_SPACES: Final = {
    "node_fs": "the node's file system for pods, volumes and logs",
    "image_fs": "the file system of images",
    "container_fs": "the file system of containers' writable layers",
    "pod_ephemeral_storage": "a pod's ephemeral storage: writable layers, logs and emptyDir volumes together",
    "container_rootfs": "a container's writable layer",
    "container_logs": "a container's logs",
    "volume": "a volume of a pod",
}
_COUNTS: Final = {
    "pod_processes": "Processes of a pod.",
    "node_processes": "Processes and threads of the node.",
    "node_processes_limit": "Processes and threads that the node may have.",
}
_PREFIX: Final = "kubelet_summary_"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

_Row = tuple[str, str, int]
"""A metric's name without its prefix, its labels as they are written, its value."""


class SummaryReader:
    """Reads one summary, as the page of metrics that it would be. See `collector.scrape.page.Reader`."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader
        self._raw = bytearray()

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes of the JSON."""
        self._raw += piece
        return True

    def finish(self) -> Page:
        """The whole page."""
        self._reader.feed(exposition(bytes(self._raw)).encode())
        return self._reader.finish()


def exposition(raw: bytes) -> str:
    """A summary in Prometheus's text format. Raises `DecodeError`."""
    try:
        summary = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"not a summary of a kubelet: {error}") from None
    families: dict[str, list[str]] = {}
    for name, labels, value in _rows(summary):
        families.setdefault(name, []).append(f"{_PREFIX}{name}{{{labels}}} {value}\n")
    return "".join(_HEADS[name] + "".join(rows) for name, rows in families.items())


def _rows(summary: _Summary) -> Iterator[_Row]:
    node = summary.node
    yield from _space("node_fs", "", node.fs)
    if node.runtime is not None:
        yield from _space("image_fs", "", node.runtime.image_fs)
        yield from _space("container_fs", "", node.runtime.container_fs)
    if node.rlimit is not None:
        yield from _count("node_processes", "", node.rlimit.curproc)
        yield from _count("node_processes_limit", "", node.rlimit.maxpid)
    for pod in summary.pods or ():
        yield from _pod(pod)


def _pod(pod: _PodStats) -> Iterator[_Row]:
    ref = pod.pod_ref
    labels = _labels(namespace=ref.namespace, pod=ref.name, uid=ref.uid)
    yield from _space("pod_ephemeral_storage", labels, pod.ephemeral_storage)
    if pod.process_stats is not None:
        yield from _count("pod_processes", labels, pod.process_stats.process_count)
    for container in pod.containers or ():
        own = f"{labels},{_labels(container=container.name)}"
        yield from _space("container_rootfs", own, container.rootfs)
        yield from _space("container_logs", own, container.logs)
    for volume in pod.volume or ():
        claim = volume.pvc_ref.name if volume.pvc_ref is not None else ""
        yield from _space(
            "volume", f"{labels},{_labels(volume=volume.name, persistentvolumeclaim=claim)}", volume
        )


def _space(name: str, labels: str, space: _Space | None) -> Iterator[_Row]:
    if space is not None:
        for part, _ in _PARTS:
            yield from _count(f"{name}_{part}", labels, getattr(space, part))


def _count(name: str, labels: str, value: int | None) -> Iterator[_Row]:
    if value is not None:
        yield name, labels, value


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())


def _head(name: str, about: str) -> str:
    return f"# HELP {_PREFIX}{name} {about}\n# TYPE {_PREFIX}{name} gauge\n"


_HEADS: Final = {name: _head(name, about) for name, about in _COUNTS.items()} | {
    f"{space}_{part}": _head(f"{space}_{part}", about.format(what))
    for space, what in _SPACES.items()
    for part, about in _PARTS
}
