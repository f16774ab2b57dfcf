"""Containers from control groups, of version 2 and of version 1, named by the runtimes' files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.node.containers import metrics, version2
from collector.node.containers.names import Names, container_id
from collector.node.containers.source import Containers
from collector.node.containers.tree import MOST, groups, limit
from collector.node.roots import Roots
from tests.collector.samples import (
    helps_of_exposition,
    of_exposition,
    of_readings,
    types_of_exposition,
)

DOCKER, PODMAN, CRI, UNKNOWN = ("d" * 64, "e" * 64, "c" * 64, "a" * 64)
SCOPE = f"/system.slice/docker-{DOCKER}.scope"
PSI = "some avg10=0.00 avg60=0.00 total=1500000\nfull avg10=0.00 avg60=0.00 total=500000\n"

MACHINE = {
    "proc/meminfo": "MemTotal: 1000 kB\nMemFree: 400 kB\nSwapTotal: 50 kB\nSwapFree: 20 kB\n",
    "proc/stat": "cpu 1 2 3\nbtime 1700000000\n",
    "proc/diskstats": "254 0 vda 1 2 3 4 5 6 7 8 9 10 11\n",
    "proc/net/dev": "a\nb\n eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n lo: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n",
    "proc/42/stat": "42 (a) b)) S 1 " + " ".join(["0"] * 17) + " 12300 0 0\n",
    "proc/42/net/dev": "Inter-|\n face |\n  eth0: 11 12 13 14 0 0 0 0 15 16 17 18 0 0 0 0\n",
}
MEMORY_STAT = (
    "anon 1000\nfile 2000\nfile_mapped 300\nkernel 40\ninactive_file 500\nactive_file 600\n"
    "pgfault 7\npgmajfault 8\n"
)
VERSION_2 = {
    "cgroup.controllers": "cpu io memory pids\n",
    "cpu.stat": "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\n",
    "memory.stat": MEMORY_STAT,
    "cgroup.procs": "1\n",
    f"{SCOPE}/cpu.stat": (
        "usage_usec 2500000\nuser_usec 1500000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\n"
        "throttled_usec 250000\n"
    ),
    f"{SCOPE}/cpu.max": "50000 100000\n",
    f"{SCOPE}/cpu.weight": "100\n",
    f"{SCOPE}/memory.current": "4096\n",
    f"{SCOPE}/memory.stat": MEMORY_STAT,
    f"{SCOPE}/memory.swap.current": "64\n",
    f"{SCOPE}/memory.peak": "9000\n",
    f"{SCOPE}/memory.max": "10000\n",
    f"{SCOPE}/memory.low": "0\n",
    f"{SCOPE}/memory.swap.max": "max\n",
    f"{SCOPE}/memory.events": "low 0\nhigh 3\nmax 5\noom 1\noom_kill 2\n",
    f"{SCOPE}/io.stat": "254:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n9:9\n",
    f"{SCOPE}/pids.current": "6\n",
    f"{SCOPE}/pids.max": "max\n",
    f"{SCOPE}/cgroup.procs": "42\n43\n",
    f"{SCOPE}/cpu.pressure": PSI,
    f"{SCOPE}/memory.pressure": PSI,
    f"{SCOPE}/io.pressure": PSI,
}
V1_STAT = (
    "cache 1\nrss 1\npgfault 3\npgmajfault 4\ntotal_cache 2000\ntotal_rss 1000\ntotal_mapped_file 300\n"
    "total_swap 64\ntotal_inactive_file 500\ntotal_active_file 600\ntotal_pgfault 7\ntotal_pgmajfault 8\n"
)
LARGEST = "9223372036854771712\n"
VERSION_1 = {
    f"cpu,cpuacct/docker/{DOCKER}/cpuacct.usage": "2500000000\n",
    f"cpu,cpuacct/docker/{DOCKER}/cpuacct.stat": "user 150\nsystem 100\n",
    f"cpu,cpuacct/docker/{DOCKER}/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 250000000\n",
    f"cpu,cpuacct/docker/{DOCKER}/cpu.cfs_quota_us": "50000\n",
    f"cpu,cpuacct/docker/{DOCKER}/cpu.cfs_period_us": "100000\n",
    f"cpu,cpuacct/docker/{DOCKER}/cpu.shares": "1024\n",
    f"memory/docker/{DOCKER}/memory.usage_in_bytes": "4096\n",
    f"memory/docker/{DOCKER}/memory.stat": V1_STAT,
    f"memory/docker/{DOCKER}/memory.max_usage_in_bytes": "9000\n",
    f"memory/docker/{DOCKER}/memory.failcnt": "5\n",
    f"memory/docker/{DOCKER}/memory.kmem.usage_in_bytes": "40\n",
    f"memory/docker/{DOCKER}/memory.limit_in_bytes": "10000\n",
    f"memory/docker/{DOCKER}/memory.soft_limit_in_bytes": LARGEST,
    f"memory/docker/{DOCKER}/memory.memsw.limit_in_bytes": LARGEST,
    f"memory/docker/{DOCKER}/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    f"memory/docker/{DOCKER}/cgroup.procs": "42\n43\n",
    f"blkio/docker/{DOCKER}/blkio.throttle.io_serviced_recursive": (
        "254:0 Read 3\n254:0 Write 4\n254:0 Sync 0\n254:0 Total 7\nTotal 7\n"
    ),
    f"blkio/docker/{DOCKER}/blkio.throttle.io_service_bytes_recursive": (
        "254:0 Read 100\n254:0 Write 200\n254:0 Total 300\nTotal 300\n"
    ),
    f"pids/docker/{DOCKER}/pids.current": "6\n",
    f"pids/docker/{DOCKER}/pids.max": "max\n",
    "systemd/x/cgroup.procs": "1\n",
}
RUNTIMES = {
    f"var/lib/docker/containers/{DOCKER}/config.v2.json": json.dumps(
        {"Name": "/web", "Config": {"Image": "nginx:1.25", "Labels": {}}}
    ),
    "var/lib/containers/storage/overlay-containers/containers.json": json.dumps(
        [{"id": PODMAN, "names": ["db"], "metadata": json.dumps({"image-name": "postgres:16"})}, 7]
    ),
    f"run/containerd/io.containerd.runtime.v2.task/k8s.io/{CRI}/config.json": json.dumps(
        {
            "annotations": {
                "io.kubernetes.cri.container-name": "app",
                "io.kubernetes.cri.image-name": "app:2",
            }
        }
    ),
}

# Equal in both versions: metric and further labels to value.
SAME: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
    ("container_cpu_usage_seconds_total", (("cpu", "total"),)): 2.5,
    ("container_cpu_user_seconds_total", ()): 1.5,
    ("container_cpu_system_seconds_total", ()): 1.0,
    ("container_cpu_cfs_periods_total", ()): 10,
    ("container_cpu_cfs_throttled_periods_total", ()): 4,
    ("container_cpu_cfs_throttled_seconds_total", ()): 0.25,
    ("container_spec_cpu_period", ()): 100000,
    ("container_spec_cpu_quota", ()): 50000,
    ("container_memory_usage_bytes", ()): 4096,
    ("container_memory_working_set_bytes", ()): 3596,
    ("container_memory_rss", ()): 1000,
    ("container_memory_cache", ()): 2000,
    ("container_memory_mapped_file", ()): 300,
    ("container_memory_swap", ()): 64,
    ("container_memory_kernel_usage", ()): 40,
    ("container_memory_max_usage_bytes", ()): 9000,
    ("container_memory_total_active_file_bytes", ()): 600,
    ("container_memory_total_inactive_file_bytes", ()): 500,
    ("container_memory_failures_total", (("failure_type", "pgfault"), ("scope", "hierarchy"))): 7,
    ("container_memory_failures_total", (("failure_type", "pgmajfault"), ("scope", "hierarchy"))): 8,
    ("container_oom_events_total", ()): 2,
    ("container_spec_memory_limit_bytes", ()): 10000,
    ("container_spec_memory_reservation_limit_bytes", ()): 0,
    ("container_spec_memory_swap_limit_bytes", ()): 0,
    ("container_fs_reads_total", (("device", "/dev/vda"),)): 3,
    ("container_fs_writes_total", (("device", "/dev/vda"),)): 4,
    ("container_fs_reads_bytes_total", (("device", "/dev/vda"),)): 100,
    ("container_fs_writes_bytes_total", (("device", "/dev/vda"),)): 200,
    ("container_processes", ()): 2,
    ("container_threads", ()): 6,
    ("container_threads_max", ()): 0,
    ("container_start_time_seconds", ()): 1700000123,
    ("container_last_seen", ()): 1700000500,
    ("container_network_receive_bytes_total", (("interface", "eth0"),)): 11,
    ("container_network_receive_packets_total", (("interface", "eth0"),)): 12,
    ("container_network_receive_errors_total", (("interface", "eth0"),)): 13,
    ("container_network_receive_packets_dropped_total", (("interface", "eth0"),)): 14,
    ("container_network_transmit_bytes_total", (("interface", "eth0"),)): 15,
    ("container_network_transmit_packets_total", (("interface", "eth0"),)): 16,
    ("container_network_transmit_errors_total", (("interface", "eth0"),)): 17,
    ("container_network_transmit_packets_dropped_total", (("interface", "eth0"),)): 18,
    **{
        (
            "container_blkio_device_usage_total",
            (("device", "/dev/vda"), ("major", "254"), ("minor", "0"), ("operation", operation)),
        ): value
        for operation, value in (("Read", 100.0), ("Write", 200.0))
    },
}
PRESSURES: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
    (f"container_pressure_{resource}_{word}_seconds_total", ()): value
    for resource in ("cpu", "memory", "io")
    for word, value in (("waiting", 1.5), ("stalled", 0.5))
}
ONLY_2 = {
    **PRESSURES,
    ("container_spec_cpu_shares", ()): 2597,
    ("container_memory_events_high_total", ()): 3,
    ("container_memory_events_max_total", ()): 5,
    ("container_memory_failures_total", (("failure_type", "pgfault"), ("scope", "container"))): 7,
    ("container_memory_failures_total", (("failure_type", "pgmajfault"), ("scope", "container"))): 8,
}
ONLY_1 = {
    ("container_spec_cpu_shares", ()): 1024,
    ("container_memory_failcnt", ()): 5,
    ("container_memory_failures_total", (("failure_type", "pgfault"), ("scope", "container"))): 3,
    ("container_memory_failures_total", (("failure_type", "pgmajfault"), ("scope", "container"))): 4,
}


def machine(root: Path, groups_files: dict[str, str]) -> Roots:
    files = {
        **MACHINE,
        **{f"sys/fs/cgroup/{name.lstrip('/')}": text for name, text in groups_files.items()},
        **{f"root/{name}": text for name, text in RUNTIMES.items()},
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for pid, namespace in (("1", "net:[1]"), ("42", "net:[2]")):
        (root / f"proc/{pid}/ns").mkdir(parents=True)
        (root / f"proc/{pid}/ns/net").symlink_to(namespace)
    return Roots(f"{root}/proc", f"{root}/sys", f"{root}/root", f"{root}/proc/net")


def containers() -> Containers:
    return Containers(now=lambda: 1700000500.5, ticks_per_s=100)


def of_group(roots: Roots, group: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Values by metric and the labels that are not the group's."""
    return {
        (name, tuple(pair for pair in labels if pair[0] not in metrics.Group._fields)): value
        for (name, labels), value in of_readings(containers()(roots)).items()
        if dict(labels).get("id") == group
    }


def test_a_container_of_version_2_says_what_cadvisor_says(tmp_path: Path) -> None:
    assert of_group(machine(tmp_path, VERSION_2), SCOPE) == {**SAME, **ONLY_2}


def test_a_container_of_version_1_says_the_same(tmp_path: Path) -> None:
    assert of_group(machine(tmp_path, VERSION_1), f"/docker/{DOCKER}") == {**SAME, **ONLY_1}


def test_a_container_has_the_labels_that_its_runtime_gives(tmp_path: Path) -> None:
    found = of_readings(containers()(machine(tmp_path, VERSION_2)))

    labels = {"id": SCOPE, "name": "web", "container": "web", "image": "nginx:1.25"}
    assert ("container_memory_rss", tuple(sorted(labels.items()))) in found


def test_the_root_of_version_2_takes_its_memory_from_the_machine(tmp_path: Path) -> None:
    found = of_group(machine(tmp_path, VERSION_2), "/")

    assert found["container_memory_usage_bytes", ()] == 600 * 1024
    assert found["container_memory_working_set_bytes", ()] == 600 * 1024 - 500
    assert found["container_memory_swap", ()] == 30 * 1024
    assert found["container_cpu_usage_seconds_total", (("cpu", "total"),)] == 5
    assert found["container_network_receive_bytes_total", (("interface", "eth0"),)] == 1
    assert ("container_start_time_seconds", ()) not in found


def test_the_machine_has_its_own_families(tmp_path: Path) -> None:
    found = of_readings(containers()(machine(tmp_path, VERSION_2)))

    assert found["machine_memory_bytes", ()] == 1000 * 1024
    assert found["machine_swap_bytes", ()] == 50 * 1024


def test_a_container_on_the_machines_network_has_no_traffic_of_its_own(tmp_path: Path) -> None:
    roots = machine(tmp_path, VERSION_2)
    (tmp_path / "proc/42/ns/net").unlink()
    (tmp_path / "proc/42/ns/net").symlink_to("net:[1]")

    assert not any(name.startswith("container_network") for name, _ in of_group(roots, SCOPE))


def test_a_container_keeps_its_start_until_its_first_process_is_gone(tmp_path: Path) -> None:
    roots, source = machine(tmp_path, VERSION_2), containers()
    start = ("container_start_time_seconds", ())

    def read() -> float | None:
        rows = of_readings(source(roots))
        return next((value for (name, _), value in rows.items() if name == start[0]), None)

    first = read()
    (tmp_path / "proc/42/stat").write_text("42 (a) S 1 " + " ".join(["0"] * 17) + " 99900 0 0\n")
    second = read()
    (tmp_path / f"sys/fs/cgroup{SCOPE}/cgroup.procs").write_text("")

    assert (first, second, read()) == (1700000123, 1700000123, None)


IDS = [
    (f"/system.slice/docker-{DOCKER}.scope", DOCKER),
    (f"/docker/{DOCKER}", DOCKER),
    (f"/machine.slice/libpod-{PODMAN}.scope", PODMAN),
    (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{CRI}.scope", CRI),
    (f"/kubepods/besteffort/pod081d040e-c94b-41ea-8278-eb12903ddd99/{CRI}", CRI),
    (f"/system.slice/docker-{DOCKER}.scope/init", ""),
    ("/system.slice/ssh.service", ""),
    ("/", ""),
    (f"/docker/{'D' * 64}", ""),
    (f"/docker/{'d' * 65}", ""),
]


@pytest.mark.parametrize(("group", "identity"), IDS)
def test_a_containers_id_is_in_the_name_of_its_group(group: str, identity: str) -> None:
    assert container_id(group) == identity


def test_names_come_from_the_runtimes_files(tmp_path: Path) -> None:
    machine(tmp_path, {})

    found = Names(f"{tmp_path}/root").of([f"/x/{each}" for each in (DOCKER, PODMAN, CRI, UNKNOWN)] + ["/x"])

    assert [each[1:] for each in found] == [
        ("web", "web", "nginx:1.25"),
        ("db", "db", "postgres:16"),
        (CRI, "app", "app:2"),
        (UNKNOWN, UNKNOWN, ""),
        ("", "", ""),
    ]


@given(st.binary(max_size=100))
def test_strange_files_of_a_runtime_leave_the_id(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    root = tmp_path_factory.getbasetemp() / "runtimes"
    for name in RUNTIMES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)

    for group in Names(str(root)).of([f"/x/{each}" for each in (DOCKER, PODMAN, CRI)]):
        assert group.name and group.container
        "".join(group).encode()


@given(st.sampled_from(sorted(VERSION_2)), st.text(max_size=40))
def test_a_group_with_strange_files_is_left_out_and_the_others_are_kept(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: str
) -> None:
    root = tmp_path_factory.mktemp("strange")
    roots = machine(
        root, {**VERSION_2, "/kept.slice/memory.current": "7\n", "/kept.slice/memory.max": "max\n"}
    )
    (root / f"sys/fs/cgroup/{name.lstrip('/')}").write_text(content)

    found = of_group(roots, "/kept.slice")

    assert found["container_memory_usage_bytes", ()] == 7


LIMITS = [("max\n", 0.0), (LARGEST, 0.0), ("-1\n", 0.0), ("4096\n", 4096.0), ("", 0.0)]


@pytest.mark.parametrize(("text", "value"), LIMITS)
def test_no_limit_is_zero(text: str, value: float) -> None:
    assert limit(text) == value


@pytest.mark.parametrize(("weight", "shares"), [(1, 2), (100, 2597), (10000, 262144)])
def test_weights_are_told_as_shares(weight: int, shares: int) -> None:
    assert version2.shares(weight) == shares


def test_too_many_groups_are_refused(tmp_path: Path) -> None:
    for i in range(MOST + 1):
        (tmp_path / str(i)).mkdir()

    with pytest.raises(ValueError, match=f"more than {MOST} control groups"):
        groups([str(tmp_path)])


def test_no_control_groups_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)

    with pytest.raises(FileNotFoundError):
        containers()(Roots(sys=f"{tmp_path}/sys"))


def test_names_types_helps_and_labels_are_cadvisors(tmp_path: Path, shared_data: Path) -> None:
    page = shared_data / "k8s/nri-kubernetes/internal/testutil/data/1_35/kubelet/metrics/cadvisor"
    newest = shared_data / "k8s/cadvisor/lib/metrics/testdata/prometheus_metrics"
    if not page.exists() or not newest.exists():
        pytest.skip(f"cAdvisor's pages are not at {page} and {newest}")
    text = page.read_text()
    types = {**types_of_exposition(newest.read_text()), **types_of_exposition(text)}
    helps = {**helps_of_exposition(newest.read_text()), **helps_of_exposition(text)}
    labels = {name: {key for key, _ in own} | {"image", "name"} for name, own in of_exposition(text)}

    for each in containers()(machine(tmp_path, VERSION_2)):
        family = each.family
        assert (family.type.value, family.help) == (types[family.name], helps[family.name]), family.name
        if family.name in labels and family.name.startswith("container_"):
            assert set(family.label_names) | {"namespace", "pod"} >= labels[family.name], family.name


@pytest.mark.skipif(not Path("/sys/fs/cgroup").is_dir(), reason="control groups are not mounted")
def test_this_machine_is_read() -> None:
    found = of_readings(Containers()(Roots()))

    assert found["machine_memory_bytes", ()] > 0
    assert any(name == "container_cpu_usage_seconds_total" for name, _ in found)
