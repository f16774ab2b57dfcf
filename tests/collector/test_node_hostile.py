"""Whatever stands in /proc and /sys, a pass ends, says which collector failed, and keeps the rest."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.families import Reading
from collector.lines import LineCache
from collector.node import btrfs, edac, nvme, watchdog
from collector.node.choice import NodeChoice
from collector.node.cpu import parse_list
from collector.node.reader import NodeReader
from collector.node.roots import Roots, listing, read_text
from collector.node.sources import node_sources
from tests.collector.samples import of_readings

CHOICE = NodeChoice(cpu_info=True, cpu_flags=".", bcache_priority_stats=True)

# A small machine: what most collectors read, so that this runs without captures too.
FILES = {
    "proc/net/arp": "IP address HW type Flags\n10.0.0.1 0x1 0x2 aa * eth0\n",
    "proc/net/dev": "a\nb\n eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
    "proc/net/netstat": "TcpExt: SyncookiesSent ListenDrops\nTcpExt: 1 2\n",
    "proc/net/snmp": "Tcp: InSegs OutSegs\nTcp: 3 4\n",
    "proc/net/snmp6": "Ip6InOctets 5\n",
    "proc/net/sockstat": "sockets: used 6\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 1\n",
    "proc/net/softnet_stat": "1 2 3 0 0 0 0 0 0 0 0 5 0\n",
    "proc/net/stat/nf_conntrack": "entries found invalid\n1 2 3\n",
    "proc/net/udp": "sl local rem st tx:rx\n0: 0:0 0:0 0A 1:2 0\n",
    "proc/net/ip_vs": "IP\nProt\n\nTCP 0A000001:0050 rr\n  -> 0A000002:0050 Masq 1 2 3\n",
    "proc/net/ip_vs_stats": "a\nb\n1 2 3 4 5\n",
    "proc/net/rpc/nfs": "net 1 2 3 4\nrpc 1 2 3\nproc3 1 5\n",
    "proc/net/rpc/nfsd": "rc 1 2 3\nfh 1\nio 1 2\nth 3\nnet 1 2 3 4\nrpc 1 2 3 4 5\nproc4ops 4 1 2 3 4\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "1\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "2\n",
    "proc/sys/kernel/random/entropy_avail": "256\n",
    "proc/sys/kernel/random/poolsize": "256\n",
    "proc/sys/kernel/hung_task_detect_count": "1\n",
    "proc/sys/fs/file-nr": "1 0 2\n",
    "proc/stat": "cpu 1 2 3 4\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 5 1\nctxt 6\nbtime 7\nprocesses 8\n",
    "proc/cpuinfo": "processor: 0\ncpu MHz: 1.5\nflags: a b\n",
    "proc/diskstats": "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n",
    "proc/loadavg": "0.1 0.2 0.3 1/2 3\n",
    "proc/mdstat": "Personalities : [raid1]\nmd0 : active raid1 sda[0] sdb[1]\n      10 blocks [2/2] [UU]\n",
    "proc/meminfo": "MemTotal: 10 kB\nHugePages_Total: 1\n",
    "proc/pressure/cpu": "some avg10=0 total=1\n",
    "proc/pressure/io": "some avg10=0 total=1\nfull avg10=0 total=1\n",
    "proc/pressure/memory": "some avg10=0 total=1\nfull avg10=0 total=1\n",
    "proc/schedstat": "version 15\ncpu0 1 2 3 4 5 6 7 8 9\n",
    "proc/vmstat": "pgfault 1\noom_kill 2\n",
    "proc/1/mountinfo": "1 0 8:0 / / rw - tmpfs tmpfs rw\n",
    "proc/spl/kstat/zfs/arcstats": "1\nname type data\nhits 4 5\n",
    "proc/spl/kstat/zfs/tank/state": "ONLINE\n",
    "proc/spl/kstat/zfs/tank/io": "1\nnread nwritten\n1 2\n",
    "proc/spl/kstat/zfs/tank/objset-1": "1\nname type data\ndataset_name 7 tank/a\nreads 4 5\n",
    "sys/class/net/eth0/address": "aa:bb\n",
    "sys/class/net/eth0/mtu": "1500\n",
    "sys/class/net/eth0/flags": "0x1003\n",
    "sys/class/net/eth0/speed": "1000\n",
    "sys/class/net/bonding_masters": "bond0\n",
    "sys/class/net/bond0/bonding/slaves": "eth0\n",
    "sys/class/dmi/id/bios_date": "1\n",
    "sys/class/fc_host/host0/speed": "8 Gbit\n",
    "sys/class/fc_host/host0/statistics/rx_frames": "0x1\n",
    "sys/class/hwmon/hwmon0/name": "chip\n",
    "sys/class/hwmon/hwmon0/temp1_input": "1000\n",
    "sys/class/infiniband/a/ports/1/state": "4: ACTIVE\n",
    "sys/class/infiniband/a/ports/1/phys_state": "5: LinkUp\n",
    "sys/class/infiniband/a/ports/1/rate": "10 Gb/sec (4X)\n",
    "sys/class/nvme/nvme0/model": "m\n",
    "sys/class/nvme/nvme0/nvme0n1/size": "1\n",
    "sys/class/nvme/nvme0/nvme0n1/queue/logical_block_size": "512\n",
    "sys/class/power_supply/BAT0/capacity": "81\n",
    "sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "1\n",
    "sys/class/scsi_tape/st0/stats/read_cnt": "1\n",
    "sys/class/thermal/thermal_zone0/temp": "1\n",
    "sys/class/watchdog/watchdog0/timeout": "60\n",
    "sys/devices/system/cpu/isolated": "0\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1\n",
    "sys/devices/system/edac/mc/mc0/ce_count": "1\n",
    "sys/devices/system/edac/mc/mc0/ue_count": "1\n",
    "sys/devices/system/edac/mc/mc0/ce_noinfo_count": "1\n",
    "sys/devices/system/edac/mc/mc0/ue_noinfo_count": "1\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
    "sys/block/dm-0/dm/uuid": "mpath-1\n",
    "sys/block/dm-0/size": "1\n",
    "sys/block/md0/md/raid_disks": "2\n",
    "sys/fs/bcache/a-b/congested": "1\n",
    "sys/fs/bcache/a-b/bdev0/stats_total/cache_hits": "1\n",
    "sys/fs/bcache/a-b/bdev0/writeback_rate_debug": "rate: 1.1M/sec\n",
    "sys/fs/bcachefs/u/counters/copygc": "since filesystem creation: 4.5T\n",
    "sys/fs/bcachefs/u/dev-1/io_errors": "IO errors since filesystem creation\n  read: 1\n",
    "sys/fs/btrfs/u/allocation/data/raid1/total_bytes": "1\n",
    "sys/fs/btrfs/u/commit_stats": "commits 1\n",
    "sys/fs/selinux/enforce": "1\n",
    "sys/fs/selinux/avc/cache_stats": "lookups hits\n1 2\n",
    "sys/fs/selinux/avc/hash_stats": "entries: 1\nbuckets used: 1/2\nlongest chain: 1\n",
    "sys/fs/selinux/avc/cache_threshold": "512\n",
    "sys/fs/xfs/sda/stats/stats": "rw 1 2\n",
    "root/etc/os-release": "ID=debian\nVERSION_ID=12\n",
}

NUMBERS = [b"", b"\n", b"-1\n", b"nan\n", b"0x\n", b"9" * 400, b"1 2\n", b"a:b:c\n", b"\0", b"\xff\xfe\n"]
contents = (
    st.binary(max_size=60)
    | st.sampled_from(NUMBERS)
    | st.text("0123456789:/.-= \n[](){}", max_size=60).map(str.encode)
)


def spoil(original: bytes, content: bytes, at: int) -> bytes:
    """The content alone, or in the midst of what stood there."""
    return (
        content
        if at < 0
        else original[: at % (len(original) + 1)] + content + original[at % (len(original) + 1) :]
    )


def write(root: Path, files: Mapping[str, str]) -> Roots:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Roots(f"{root}/proc", f"{root}/sys", f"{root}/root", f"{root}/proc/net", f"{root}/udev")


def failed(readings: list[Reading]) -> set[str]:
    return {
        dict(labels)["collector"]
        for (name, labels), value in of_readings(readings).items()
        if name == "node_scrape_collector_success" and not value
    }


def passes(roots: Roots) -> list[Reading]:
    """A pass by fresh collectors, which must end, and whose series can be encoded."""
    readings = NodeReader(node_sources(CHOICE), roots).read().readings
    assert len(LineCache({"job": "node"}).lines(readings)) == sum(len(each.values) for each in readings)
    assert all(isinstance(value, float) for each in readings for value in each.values)
    return readings


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small")
    write(root, FILES)
    return root


def test_the_small_machine_is_read(small: Path) -> None:
    assert failed(passes(write(small, FILES))) == set()


# Collectors that share a file.
TOGETHER = {"cpu", "stat", "diskstats", "netclass", "netdev", "bonding", "cpufreq"}


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(FILES)), contents, st.integers(-40, 40))
def test_a_strange_file_fails_its_collector_at_most(small: Path, name: str, content: bytes, at: int) -> None:
    path, original = small / name, FILES[name].encode()
    path.write_bytes(spoil(original, content, at))
    try:
        broken = failed(passes(write(small, {})))
    finally:
        path.write_bytes(original)

    assert len(broken) <= 1 or broken <= TOGETHER


@pytest.mark.parametrize("name", sorted({str(Path(name).parent) for name in FILES}))
def test_a_file_in_place_of_a_directory_fails_collectors_at_most(tmp_path: Path, name: str) -> None:
    roots = write(tmp_path, FILES)
    shutil.rmtree(tmp_path / name)
    (tmp_path / name).write_text("1\n")

    readings = passes(roots)

    assert "time" not in failed(readings)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_directory_in_place_of_a_file_fails_its_collector_at_most(tmp_path: Path, name: str) -> None:
    roots = write(tmp_path, FILES)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()

    broken = failed(passes(roots))

    assert len(broken) <= 1 or broken <= TOGETHER


@pytest.fixture(scope="module")
def large(captured: Path, captured_roots: Roots, tmp_path_factory: pytest.TempPathFactory) -> Roots:
    """A copy of the captured machine that may be spoiled."""
    root = tmp_path_factory.mktemp("large") / "machine"
    for name, source in (
        ("proc", captured / "proc"),
        ("sys", Path(captured_roots.sys)),
        ("udev", Path(captured_roots.udev)),
    ):
        shutil.copytree(source, root / name, symlinks=True)
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755)
    return Roots(f"{root}/proc", f"{root}/sys", str(captured), f"{root}/proc/net", f"{root}/udev")


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 30), contents, st.integers(-40, 400))
def test_a_strange_file_of_the_captured_machine_fails_its_collector_at_most(
    large: Roots, number: int, content: bytes, at: int
) -> None:
    files = _files(large)
    path = files[number % len(files)]
    original = path.read_bytes()
    path.write_bytes(spoil(original, content, at))
    try:
        broken = failed(passes(large)) - {"netdev"}
    finally:
        path.write_bytes(original)

    assert len(broken) <= 1 or broken <= TOGETHER


def _files(roots: Roots) -> list[Path]:
    root = Path(roots.proc).parent
    return sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def test_a_list_of_very_many_processors_is_refused() -> None:
    with pytest.raises(ValueError, match="99999999999"):
        parse_list("0-99999999999")


def test_a_file_without_an_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="more than"):
        read_text("/dev/zero")


def test_names_that_are_not_text_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    try:
        (Path(str(tmp_path).encode().decode()) / "b\udcffd").mkdir()
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")

    assert listing(str(tmp_path)) == ["good"]


CASES = [
    (
        "a label of firmware that is not numbered so stays",
        "CPU_SrcID#0_Ha#0_Chan#0",
        "CPU_SrcID#0_Ha#0_Chan#0",
    ),
    ("a label that the kernel made up is told apart", "mc#0csrow#1channel#2", "mc0_csrow1_channel2"),
]


@pytest.mark.parametrize(("label", "told"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_memory_slots(tmp_path: Path, label: str, told: str) -> None:
    row = "sys/devices/system/edac/mc/mc0/csrow1"
    roots = write(
        tmp_path,
        {
            **{name: text for name, text in FILES.items() if "edac" in name},
            f"{row}/ce_count": "1",
            f"{row}/ue_count": "1",
            f"{row}/ch2_ce_count": "3",
            f"{row}/ch2_dimm_label": label,
        },
    )

    found = of_readings(edac.read(roots))

    labels = (("channel", "2"), ("controller", "0"), ("csrow", "1"), ("dimm_label", told))
    assert found["node_edac_channel_correctable_errors_total", labels] == 3


@pytest.mark.parametrize(
    ("mode", "devices", "ratio"),
    [("raid5", 3, 1.5), ("raid6", 4, 2), ("raid1c3", 3, 3), ("raid5", 1, None), ("odd", 4, None)],
)
def test_btrfs_layouts(mode: str, devices: int, ratio: float | None) -> None:
    assert btrfs.ratio(mode, devices) == ratio


@pytest.mark.parametrize("source", [nvme.read, watchdog.read])
def test_what_a_machine_lacks_is_a_missing_file(tmp_path: Path, source: object) -> None:
    with pytest.raises(FileNotFoundError):
        source(Roots(sys=str(tmp_path)))  # type: ignore[operator]  # both are sources
