"""The families, as cAdvisor names them. Every series has the labels of its control group first."""

from __future__ import annotations

from typing import NamedTuple

from collector.families import Family, counter, gauge


class Group(NamedTuple):
    """The labels of a control group. container: the name that Kubernetes or else the runtime knows it by."""

    id: str
    name: str = ""
    container: str = ""
    image: str = ""


def _counter(name: str, text: str, *labels: str) -> Family:
    return counter(f"container_{name}_total", text, *Group._fields, *labels)


def _gauge(name: str, text: str, *labels: str) -> Family:
    return gauge(f"container_{name}", text, *Group._fields, *labels)


CPU_USAGE = _counter("cpu_usage_seconds", "Cumulative cpu time consumed in seconds.", "cpu")
CPU_USER = _counter("cpu_user_seconds", "Cumulative user cpu time consumed in seconds.")
CPU_SYSTEM = _counter("cpu_system_seconds", "Cumulative system cpu time consumed in seconds.")
CFS_PERIODS = _counter("cpu_cfs_periods", "Number of elapsed enforcement period intervals.")
CFS_THROTTLED = _counter("cpu_cfs_throttled_periods", "Number of throttled period intervals.")
CFS_SECONDS = _counter("cpu_cfs_throttled_seconds", "Total time duration the container has been throttled.")
SPEC_PERIOD = _gauge("spec_cpu_period", "CPU period of the container.")
SPEC_QUOTA = _gauge("spec_cpu_quota", "CPU quota of the container.")
SPEC_SHARES = _gauge("spec_cpu_shares", "CPU share of the container.")

MEMORY_USAGE = _gauge(
    "memory_usage_bytes",
    "Current memory usage in bytes, including all memory regardless of when it was accessed",
)
WORKING_SET = _gauge("memory_working_set_bytes", "Current working set in bytes.")
RSS = _gauge("memory_rss", "Size of RSS in bytes.")
CACHE = _gauge("memory_cache", "Number of bytes of page cache memory.")
MAPPED = _gauge("memory_mapped_file", "Size of memory mapped files in bytes.")
SWAP = _gauge("memory_swap", "Container swap usage in bytes.")
KERNEL = _gauge("memory_kernel_usage", "Size of kernel memory allocated in bytes.")
MAX_USAGE = _gauge("memory_max_usage_bytes", "Maximum memory usage recorded in bytes")
ACTIVE_FILE = _gauge("memory_total_active_file_bytes", "Current total active file in bytes.")
INACTIVE_FILE = _gauge("memory_total_inactive_file_bytes", "Current total inactive file in bytes.")
FAILCNT = counter("container_memory_failcnt", "Number of memory usage hits limits", *Group._fields)
FAILURES = _counter(
    "memory_failures", "Cumulative count of memory allocation failures.", "failure_type", "scope"
)
EVENTS_HIGH = _counter(
    "memory_events_high", "Cumulative count of memory.high throttle events for the container"
)
EVENTS_MAX = _counter(
    "memory_events_max", "Cumulative count of memory.max limit hit events for the container"
)
OOM = _counter("oom_events", "Count of out of memory events observed for the container")
SPEC_MEMORY = _gauge("spec_memory_limit_bytes", "Memory limit for the container.")
SPEC_RESERVATION = _gauge(
    "spec_memory_reservation_limit_bytes", "Memory reservation limit for the container."
)
SPEC_SWAP = _gauge("spec_memory_swap_limit_bytes", "Memory swap limit for the container.")

READS = _counter("fs_reads", "Cumulative count of reads completed", "device")
WRITES = _counter("fs_writes", "Cumulative count of writes completed", "device")
READ_BYTES = _counter("fs_reads_bytes", "Cumulative count of bytes read", "device")
WRITTEN_BYTES = _counter("fs_writes_bytes", "Cumulative count of bytes written", "device")
DEVICE_USAGE = _counter(
    "blkio_device_usage", "Blkio Device bytes usage", "device", "major", "minor", "operation"
)

_STALLED = "Total time duration no tasks in the container could make progress due to {} congestion."
_WAITING = "Total time duration tasks in the container have waited due to {} congestion."
# (file, line) -> family
PRESSURE = {
    (f"{resource}.pressure", line): _counter(
        f"pressure_{resource}_{word}_seconds",
        text.format(resource if resource == "memory" else resource.upper()),
    )
    for resource in ("cpu", "memory", "io")
    for line, word, text in (("some", "waiting", _WAITING), ("full", "stalled", _STALLED))
}

PROCESSES = _gauge("processes", "Number of processes running inside the container.")
THREADS = _gauge("threads", "Number of threads running inside the container")
THREADS_MAX = _gauge(
    "threads_max", "Maximum number of threads allowed inside the container, infinity if value is zero"
)
START = _gauge("start_time_seconds", "Start time of the container since unix epoch in seconds.")
LAST_SEEN = _gauge("last_seen", "Last time a container was seen by the exporter")

# Columns of /proc/<pid>/net/dev -> family.
NETWORK = {
    0: _counter("network_receive_bytes", "Cumulative count of bytes received", "interface"),
    1: _counter("network_receive_packets", "Cumulative count of packets received", "interface"),
    2: _counter(
        "network_receive_errors", "Cumulative count of errors encountered while receiving", "interface"
    ),
    3: _counter(
        "network_receive_packets_dropped",
        "Cumulative count of packets dropped while receiving",
        "interface",
    ),
    8: _counter("network_transmit_bytes", "Cumulative count of bytes transmitted", "interface"),
    9: _counter("network_transmit_packets", "Cumulative count of packets transmitted", "interface"),
    10: _counter(
        "network_transmit_errors", "Cumulative count of errors encountered while transmitting", "interface"
    ),
    11: _counter(
        "network_transmit_packets_dropped",
        "Cumulative count of packets dropped while transmitting",
        "interface",
    ),
}

CORES = gauge("machine_cpu_cores", "Number of logical CPU cores.")
MACHINE_MEMORY = gauge("machine_memory_bytes", "Amount of memory installed on the machine.")
MACHINE_SWAP = gauge("machine_swap_bytes", "Amount of swap memory available on the machine.")
