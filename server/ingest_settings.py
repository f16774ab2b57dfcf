"""The settings of the write path, and of the ports that senders speak to."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

STRICT: Final = ConfigDict(extra="forbid", frozen=True)
_MIB: Final = 1 << 20


class IngestSettings(BaseModel):
    """The write path: batches, durability and limits."""

    model_config = STRICT

    flush_rows: int = Field(
        1_000_000, ge=1_000, le=5_000_000, description="Samples in a batch to ClickHouse, at most."
    )
    flush_interval_s: float = Field(
        1.0, gt=0, le=60, description="Seconds after which a smaller batch is written all the same."
    )
    buffer_bytes: int = Field(
        512 * _MIB,
        ge=_MIB,
        description="Memory for samples that wait for ClickHouse; beyond it senders get 503.",
    )
    wal_bytes: int = Field(
        8 << 30, ge=16 * _MIB, description="Disk for the write-ahead log; beyond it senders get 503."
    )
    min_free_bytes: int = Field(
        256 * _MIB, ge=0, description="Free disk that the log leaves; below it senders get 503."
    )
    quarantine_bytes: int = Field(
        1 << 30, ge=0, description="Disk for batches that the store refuses for good; 0 sets none aside."
    )
    max_body_bytes: int = Field(32 * _MIB, ge=1024, description="Largest request body, compressed.")
    max_pending_bytes: int = Field(
        512 * _MIB,
        ge=_MIB,
        description="Memory for bodies while they arrive; beyond it the one that takes the longest gets 503.",
    )
    body_timeout_s: float = Field(60, gt=0, description="Seconds within which a body has to arrive.")
    max_decoded_bytes: int = Field(256 * _MIB, ge=1024, description="Largest request body, decompressed.")
    max_request_rows: int = Field(1_000_000, ge=1, description="Series or samples of one request, at most.")
    max_series: int = Field(2_000_000, ge=1, description="Active series; new ones beyond it are refused.")
    active_window_s: float = Field(
        3_600, gt=0, description="Seconds after its last sample for which a series counts as active."
    )
    max_new_series_a_minute: int = Field(
        0, ge=0, description="New series a minute, from five minutes after the start on; 0: any number."
    )
    max_samples_per_s: int = Field(
        0, ge=0, description="Samples a second, ten seconds' worth at once; beyond it 429. 0: any number."
    )
    relabel_file: Path | None = Field(
        None, description="YAML list of Prometheus's relabel rules, applied to every series."
    )
    ha_cluster_label: str = Field(
        "", description="Label that names a pair of senders of which one is heard; none when empty."
    )
    ha_replica_label: str = Field(
        "__replica__", min_length=1, description="Label that names a member of a pair; it is removed."
    )
    ha_failover_s: float = Field(
        30, gt=0, description="Seconds of silence after which another member of a pair is heard."
    )
    max_labels: int = Field(60, ge=1, description="Labels of one series, at most.")
    max_label_name_bytes: int = Field(1024, ge=1, description="Length of a label's name, at most.")
    max_label_value_bytes: int = Field(16_384, ge=1, description="Length of a label's value, at most.")
    max_future_s: float = Field(
        600,
        ge=0,
        description="Seconds that a timestamp may lie ahead of the clock; later samples are refused.",
    )
    max_past_s: float = Field(
        31 * 86_400, ge=0, description="Seconds that a timestamp may lie back; older samples are refused."
    )
    workers: int = Field(3, ge=1, le=64, description="Threads that decode requests.")
    tcp_message_bytes: int = Field(
        64 << 10, ge=1024, description="Longest line or message on a TCP port; longer ones are refused."
    )
    tcp_buffer_bytes: int = Field(
        64 * _MIB,
        ge=_MIB,
        description="Memory for what came on TCP ports and is not taken yet; beyond it senders are cut off.",
    )
    tcp_connections: int = Field(
        20_000, ge=1, description="Connections on TCP ports; beyond it the most silent one is closed."
    )
    tcp_idle_s: float = Field(3_600, gt=0, description="Seconds of silence that close a TCP connection.")
    graphite_port: int = Field(
        0, ge=0, le=65_535, description="Port for Graphite's lines, 2003 by custom; 0 opens none."
    )
    graphite_pickle_port: int = Field(
        0, ge=0, le=65_535, description="Port for Graphite's pickles, 2004 by custom; 0 opens none."
    )
    opentsdb_port: int = Field(
        0, ge=0, le=65_535, description="Port for OpenTSDB by telnet and HTTP, 4242 by custom; 0 opens none."
    )
    wavefront_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Port for Wavefront's lines by TCP or HTTP, 2878 by custom; 0 opens none.",
    )
    wavefront_memory_bytes: int = Field(
        256 * _MIB,
        ge=_MIB,
        description="Memory for Wavefront's names as senders write them; beyond it, they are learned anew.",
    )
    max_bins: int = Field(
        1_000_000,
        ge=1_000,
        description="Minutes of delta counters and bins of histograms in memory; beyond it senders get 503.",
    )
    pushed_interval_s: float = Field(
        60,
        ge=0,
        description="Seconds after which metrics pushed to /metrics/job/… are stored again, so that they "
        "stay visible; 0 stores them once.",
    )
    pushed_series: int = Field(
        100_000, ge=0, description="Series of all pushed groups together, at most; 0 takes no push."
    )
    influx_memory_bytes: int = Field(
        256 * _MIB,
        ge=_MIB,
        description="Memory for the tag sets of line protocol as senders write them; beyond it, they are "
        "learned anew.",
    )
    otlp_grpc_port: int = Field(
        0, ge=0, le=65_535, description="Port for OpenTelemetry by gRPC, 4317 by custom; 0 opens none."
    )
    otlp_names: Literal[
        "UnderscoreEscapingWithSuffixes",
        "UnderscoreEscapingWithoutSuffixes",
        "NoUTF8EscapingWithSuffixes",
        "NoTranslation",
    ] = Field(
        "UnderscoreEscapingWithSuffixes",
        description="How OpenTelemetry's names become ours: one of Prometheus's translation strategies.",
    )
    otlp_promote: list[str] = Field(
        default_factory=list, description="Resource attributes that become labels of every series."
    )
    otlp_scope_labels: bool = Field(
        False, description="Whether every series has its scope's name, version and attributes as labels."
    )
    otlp_starts: bool = Field(True, description="Whether start times of OpenTelemetry's samples are stored.")
    otlp_delta_series: int = Field(
        1_000_000,
        ge=0,
        description="Series whose deltas are added up; beyond, the idle ones begin anew. 0 refuses deltas.",
    )
    otlp_memory_bytes: int = Field(
        256 * _MIB, ge=_MIB, description="Memory for data points that are recognised when they come again."
    )
