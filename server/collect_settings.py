"""The settings of collectors: where they push, what they read, find and scrape."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from server.ingest_settings import STRICT
from server.node_settings import NodeChoiceSettings

_MIB: Final = 1 << 20

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class TrustSettings(BaseModel):
    """How a collector knows whom it speaks to, and says who it is."""

    model_config = STRICT

    ca_file: Path | None = Field(None, description="Certificates to trust; the system's when unset.")
    cert_file: Path | None = Field(None, description="The collector's own certificate.")
    key_file: Path | None = Field(None, description="The key of `cert_file`.")
    server_name: str = Field("", description="The name that the other side's certificate has to bear.")
    insecure_skip_verify: bool = Field(
        False, description="Whether the other side's certificate is not checked at all."
    )


class SelectionSettings(BaseModel):
    """Which series are sent; lists are of globs."""

    model_config = STRICT

    metric_allow: list[str] = Field(
        default_factory=list, description="Names of metrics that are sent; all when empty."
    )
    metric_deny: list[str] = Field(default_factory=list, description="Names of metrics that are not sent.")
    label_allow: dict[str, list[str]] = Field(
        default_factory=dict, description="Values by label; series with none of them are not sent."
    )
    label_deny: dict[str, list[str]] = Field(
        default_factory=dict, description="Values by label; series with one of them are not sent."
    )
    label_include: list[str] = Field(
        default_factory=list, description="Names of labels that are sent; all when empty."
    )
    label_exclude: list[str] = Field(default_factory=list, description="Names of labels that are removed.")
    relabel_file: Path | None = Field(
        None, description="YAML list of relabel rules, as Prometheus's write_relabel_configs."
    )


class DestinationSettings(BaseModel):
    """A remote write receiver."""

    model_config = STRICT

    name: Name
    url: str
    token_file: Path | None = None
    timeout_s: float = Field(10, gt=0)
    headers: dict[str, str] = Field(default_factory=dict)
    remote_write: Literal[1, 2] = 2
    tls: TrustSettings = TrustSettings()
    send: SelectionSettings = SelectionSettings()


class ScrapeSettings(BaseModel):
    """What is scraped beside the machine."""

    model_config = STRICT

    file: Path | None = Field(None, description="A file with Prometheus's scrape_configs.")
    interval_s: float = Field(30, gt=0, description="Seconds between scrapes, where nothing else is said.")
    timeout_s: float = Field(10, gt=0, description="Seconds that a scrape may take, likewise.")
    annotated_pods: bool = Field(False, description="Pods with prometheus.io/scrape, of the node or of all.")
    annotated_services: bool = Field(False, description="Services with prometheus.io/scrape.")
    monitors: bool = Field(False, description="ServiceMonitor, PodMonitor and Probe objects.")
    monitor_selector: str = Field("", description="Label selector of the monitors to take.")
    control_plane: list[str] = Field(
        default_factory=list, description="Parts of the control plane: apiserver, coredns, …"
    )
    namespaces: list[str] = Field(default_factory=list, description="Namespaces to look at; all when empty.")
    endpoints_role: Literal["endpointslice", "endpoints"] = Field(
        "endpointslice", description="Which objects tell what is behind a service."
    )
    secrets_dir: Path | None = Field(
        None, description="Directory with the Secrets that monitors name: <namespace>/<name>/<key>."
    )


class KubeletSettings(BaseModel):
    """The pages of this node's kubelet."""

    model_config = STRICT

    enabled: bool = Field(False, description="Whether `swell collect node` scrapes the kubelet.")
    host: str = Field("", description="Its address; `kubernetes.host_ip` when empty.")
    port: int = Field(10250, ge=1, le=65_535, description="Its port.")
    pages: list[str] = Field(
        default_factory=lambda: [
            "/metrics",
            "/metrics/cadvisor",
            "/metrics/probes",
            "/metrics/slis",
            "/stats/summary",
        ],
        description="Its pages.",
    )
    ca_file: Path | None = Field(None, description="Certificates to trust; the service account's when unset.")
    token_file: Path | None = Field(None, description="Bearer token; the service account's when unset.")
    insecure_skip_verify: bool = Field(
        False, description="Whether its certificate is not checked, for kubelets that sign their own."
    )


class KubernetesSettings(BaseModel):
    """Where in a cluster this process runs; manifests fill this in."""

    model_config = STRICT

    api_url: str = Field("", description="Address of the API server; where the pod runs when empty.")
    node_name: str = Field("", description="The node's name.")
    host_ip: str = Field("", description="The node's address.")
    pod_name: str = Field("", description="The pod's name.")
    namespace: str = Field("", description="The pod's namespace.")


class StateSettings(BaseModel):
    """What `swell collect cluster` tells of the cluster's objects."""

    model_config = STRICT

    enabled: bool = Field(True, description="Whether it tells of objects, as kube-state-metrics does.")
    interval_s: float = Field(30, gt=0, description="Seconds between two sweeps.")
    resources: list[str] = Field(
        default_factory=list, description="Resources, such as pods; the default ones when empty."
    )
    opt_in: list[str] = Field(
        default_factory=list, description="Families that are told though they are off by default."
    )
    exclude: str = Field("", description="Families that are not told, a regular expression of whole names.")
    labels: str = Field("", description="Labels of objects that are told, as pods=[app,team],nodes=[*].")
    annotations: str = Field("", description="Annotations of objects that are told, likewise.")
    events: bool = Field(True, description="Whether it tells of Kubernetes's events.")
    election: str = Field("", description="Name of the Lease by which one of several leads; none when empty.")
    lease_s: float = Field(
        15, gt=1, description="Seconds after which a silent leader is followed by another."
    )


class CollectSettings(BaseModel):
    """Collectors: `swell collect node`, `swell collect cluster` and the one within `swell up`."""

    model_config = STRICT

    enabled: bool = Field(True, description="Whether `swell up` also collects this machine.")
    own_metrics: bool = Field(True, description="Whether the collector in `swell up` scrapes its /metrics.")
    url: str = Field(
        "http://127.0.0.1:9470", description="Where `swell collect` pushes; `swell up` pushes to itself."
    )
    token_file: Path | None = Field(None, description="File with the bearer token for `url`.")
    destinations: list[DestinationSettings] = Field(
        default_factory=list, description="Destinations in place of `url`, each by its own settings."
    )
    interval_s: float = Field(15, gt=0, description="Seconds between two passes over the machine.")
    proc_root: Path = Field(Path("/proc"), description="Where procfs is mounted.")
    sys_root: Path = Field(Path("/sys"), description="Where sysfs is mounted.")
    rootfs: Path = Field(Path("/"), description="Where the root file system is mounted.")
    udev_root: Path = Field(Path("/run/udev/data"), description="Where udev keeps what it knows of devices.")
    job: str = Field("node", min_length=1, description="The `job` label of the machine's series.")
    instance: str = Field(
        default_factory=socket.gethostname, min_length=1, description="The `instance` label; the host's name."
    )
    cluster: str = Field("", description="The `cluster` label of every series; none when empty.")
    net_root: Path | None = Field(
        None, description="The network namespace to read; `net` below `proc_root` when unset."
    )
    labels: dict[str, str] = Field(default_factory=dict, description="Further labels of every series.")
    spool_bytes: int = Field(
        256 * _MIB, ge=_MIB, description="Disk for what waits while a destination is away, for each."
    )
    memory_bytes: int = Field(32 * _MIB, ge=_MIB, description="Memory for what waits, for each destination.")
    body_samples: int = Field(10_000, ge=100, description="Samples of one request, at most.")
    body_bytes: int = Field(
        4 * _MIB, ge=1 << 16, description="Bytes of one request, not compressed, at most."
    )
    listen: str = Field(
        "", description="host:port of a collector's own /metrics, /healthz and targets; none when empty."
    )
    shard: int = Field(0, ge=0, description="Which part of all targets and objects this collector takes.")
    shards: int = Field(1, ge=1, description="Of how many parts.")
    tls: TrustSettings = TrustSettings()
    send: SelectionSettings = SelectionSettings()
    node: NodeChoiceSettings = NodeChoiceSettings()
    scrape: ScrapeSettings = ScrapeSettings()
    kubelet: KubeletSettings = KubeletSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    state: StateSettings = StateSettings()
