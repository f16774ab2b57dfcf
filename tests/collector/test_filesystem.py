"""Mounts: what they are called, and what happens when one is dead."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from collector.families import Reading
from collector.node.filesystem import (
    Answer,
    FileSystem,
    Mount,
    Prober,
    host_mounts,
    is_below,
    parse_mounts,
    strip_rootfs,
)
from collector.node.roots import Roots
from tests.collector.samples import Series, of_readings
from tests.collector.waiting import until


def line(
    point: str, kind: str, device: str, options: str = "rw", optional: str = "shared:1 ", more: str = "rw"
) -> str:
    return f"36 35 98:0 / {point} {options} {optional}- {kind} {device} {more}\n"


MOUNTS = [
    (line("/", "ext4", "/dev/sda1"), Mount("/dev/sda1", "/", "ext4", False, "98:0")),
    (line("/", "ext4", "/dev/sda1", optional=""), Mount("/dev/sda1", "/", "ext4", False, "98:0")),
    (
        line("/", "ext4", "/dev/sda1", optional="shared:1 master:2 "),
        Mount("/dev/sda1", "/", "ext4", False, "98:0"),
    ),
    (line("/r", "ext4", "/dev/sda1", "ro,relatime"), Mount("/dev/sda1", "/r", "ext4", True, "98:0")),
    (
        line("/r", "ext4", "/dev/sda1", more="ro,errors=remount-ro"),
        Mount("/dev/sda1", "/r", "ext4", True, "98:0"),
    ),
    (
        line("/r", "ext4", "/dev/sda1", more="rw,errors=remount-ro"),
        Mount("/dev/sda1", "/r", "ext4", False, "98:0"),
    ),
    (line(r"/a\040b\011c\134d", "ext4", "x"), Mount("x", "/a b\tc\\d", "ext4", False, "98:0")),
    (line("/n", "nfs4", "host:/a\\040b"), Mount("host:/a b", "/n", "nfs4", False, "98:0")),
    (line("/t", "tmpfs", "", more="rw"), Mount("", "/t", "tmpfs", False, "98:0")),
]


@pytest.mark.parametrize(("text", "mount"), MOUNTS)
def test_a_line_of_mountinfo_is_a_mount(text: str, mount: Mount) -> None:
    assert parse_mounts(text) == [mount]


def test_the_captured_mounts_are_all_read(captured: Path) -> None:
    mounts = parse_mounts((captured / "proc/1/mountinfo").read_text())

    assert len(mounts) == 32
    assert sum(" " in mount.point or "\t" in mount.point for mount in mounts) == 2


ROOTFS = [
    ("/", "", "/"),
    ("/boot", "", "/boot"),
    ("/host", "/host", "/"),
    ("/host/boot", "/host", "/boot"),
    ("/hostile", "/host", "/hostile"),
    ("/boot", "/host", "/boot"),
]


@pytest.mark.parametrize(("point", "rootfs", "named"), ROOTFS)
def test_a_mount_is_named_as_the_host_names_it(point: str, rootfs: str, named: str) -> None:
    assert strip_rootfs(point, rootfs) == named


def test_mounts_with_equal_labels_count_once() -> None:
    assert (
        len(host_mounts(line("/a", "ext4", "x") + line("/a", "ext4", "x") + line("/a", "xfs", "x"), "")) == 2
    )


BELOW = [("/n", True), ("/n/a", True), ("/na", False), ("/", False), ("/x/n", False)]


@pytest.mark.parametrize(("path", "below"), BELOW)
def test_a_path_is_below_itself_and_its_parents(path: str, *, below: bool) -> None:
    assert is_below(path, ["/m", "/n"]) is below
    assert is_below(path, ["/"])


class Statvfs:
    """Hangs for paths that contain 'dead', until it is released."""

    def __init__(self) -> None:
        self.released = Event()
        self.asked: list[str] = []

    def __call__(self, path: str) -> os.statvfs_result:
        self.asked.append(path)
        if "dead" in path:
            self.released.wait()
        return os.statvfs("/")


@pytest.fixture
def statvfs() -> Iterator[Statvfs]:
    found = Statvfs()
    yield found
    found.released.set()


def test_a_dead_mount_costs_one_timeout_and_is_not_asked_again_until_it_answers(statvfs: Statvfs) -> None:
    prober = Prober(0.05, statvfs)

    assert answered(prober.probe(["/dead", "/dead2", "/alive"])) == {"/alive"}
    assert answered(prober.probe(["/dead", "/dead2", "/alive"])) == {"/alive"}
    assert sorted(statvfs.asked) == ["/alive", "/alive", "/dead", "/dead2"]

    statvfs.released.set()
    until(lambda: not prober.pending)
    assert answered(prober.probe(["/dead", "/alive"])) == {"/dead", "/alive"}


def answered(answers: dict[str, Answer]) -> set[str]:
    """Paths that statvfs had sizes of; the others say that they gave none in time."""
    assert {each for each in answers.values() if isinstance(each, str)} <= {"mountpoint timeout"}
    return {path for path, each in answers.items() if not isinstance(each, str)}


def test_a_mount_that_refuses_says_why(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")

    assert Prober().ask_now([missing]) == {missing: "no such file or directory"}
    assert Prober().probe([missing]) == {missing: "no such file or directory"}


def read(tmp_path: Path, mountinfo: str, statvfs: Statvfs) -> dict[Series, float]:
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/mountinfo").write_text(mountinfo)
    source = FileSystem(prober=Prober(0.05, statvfs))
    readings: list[Reading] = source(Roots(proc=str(tmp_path / "proc"), rootfs="/host"))
    return of_readings(readings)


def labels(device: str, point: str, kind: str) -> tuple[tuple[str, str], ...]:
    return (("device", device), ("fstype", kind), ("mountpoint", point))


TIMEOUT = ("device_error", "mountpoint timeout")


def test_a_dead_mount_is_an_error_of_its_own_and_so_is_what_lies_below_it(
    tmp_path: Path, statvfs: Statvfs
) -> None:
    found = read(
        tmp_path,
        line("/", "ext4", "a") + line("/dead", "nfs4", "n:/") + line("/dead/inside", "ext4", "b"),
        statvfs,
    )

    errors = {
        series[1]: value for series, value in found.items() if series[0] == "node_filesystem_device_error"
    }
    assert errors == {
        labels("a", "/", "ext4"): 0,
        (("device", "n:/"), TIMEOUT, *labels("n:/", "/dead", "nfs4")[1:]): 1,
        (("device", "b"), TIMEOUT, *labels("b", "/dead/inside", "ext4")[1:]): 1,
    }
    sizes = {series[1] for series in found if series[0] == "node_filesystem_size_bytes"}
    assert sizes == {labels("a", "/", "ext4")}
    assert set(statvfs.asked) == {"/host/", "/host/dead", "/host/dead/inside"}


def test_system_mounts_are_left_out(tmp_path: Path, statvfs: Statvfs) -> None:
    text = (
        line("/proc", "proc", "proc")
        + line("/sys/fs/cgroup", "cgroup2", "cgroup2")
        + line("/dev/shm", "tmpfs", "tmpfs")
        + line("/var/lib/docker/overlay2/x/merged", "ext4", "overlay")
        + line("/", "overlay", "overlay")
        + line("/data", "xfs", "/dev/sdb")
    )

    found = read(tmp_path, text, statvfs)

    assert {series[1] for series in found if series[0] != "node_filesystem_mount_info"} == {
        labels("/dev/sdb", "/data", "xfs")
    }
    numbered = (("device", "/dev/sdb"), ("major", "98"), ("minor", "0"), ("mountpoint", "/data"))
    assert found["node_filesystem_mount_info", numbered] == 1
