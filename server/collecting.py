"""From the settings of a process to those of its collector."""

from __future__ import annotations

from pathlib import Path

from collector.discovery.job import Access
from collector.discovery.joined import DiscoverySettings
from collector.discovery.kubelet import SERVICE_ACCOUNT, Kubelet
from collector.selection import Selection
from collector.settings import CollectorSettings, Destination, NodeSettings, Pushing, StateSettings
from collector.state.choice import Allowed, StateChoice
from collector.target import Credentials, Target, Trust
from ingest.relabel.document import read_rules
from ingest.relabel.rules import Action, Rule
from server import collect_settings
from server.collect_settings import CollectSettings, SelectionSettings, TrustSettings
from server.settings import Settings
from storage.errors import ConfigError


def of_up(settings: Settings, url: str) -> CollectorSettings:
    """The collector within `swell up`: this machine, and what a file names; pushed to `url`, itself."""
    collect = settings.collect
    own = Destination(url, token=settings.bearer_token(), selection=_selection(collect.send, "collect.send"))
    return _settings(
        settings,
        _pushing(settings, "up", (own,)),
        node=_node(collect),
        scraping=_scraping(collect) if collect.scrape.file else None,
        targets=(_own_target(settings, url),) if collect.own_metrics else (),
    )


def of_node(settings: Settings) -> CollectorSettings:
    """`swell collect node`: a machine, its kubelet and its pods."""
    collect = settings.collect
    return _settings(
        settings,
        _pushing(settings, "node", _destinations(collect)),
        node=_node(collect),
        scraping=_scraping(collect, of_node=True),
    )


def of_cluster(settings: Settings) -> CollectorSettings:
    """`swell collect cluster`: what there is once in a cluster."""
    collect = settings.collect
    state, where = collect.state, collect.kubernetes
    return _settings(
        settings,
        _pushing(settings, "cluster", _destinations(collect)),
        scraping=_scraping(collect),
        state=StateSettings(
            interval_s=state.interval_s,
            choice=_choice(state),
            events=state.events,
            election=state.election,
            namespace=where.namespace or "default",
            identity=where.pod_name or collect.instance,
            lease_s=state.lease_s,
            shard=collect.shard,
            shards=collect.shards,
        )
        if state.enabled
        else None,
    )


def _settings(
    settings: Settings,
    pushing: Pushing,
    node: NodeSettings | None = None,
    scraping: DiscoverySettings | None = None,
    state: StateSettings | None = None,
    targets: tuple[Target, ...] = (),
) -> CollectorSettings:
    collect = settings.collect
    own = {"namespace": collect.kubernetes.namespace, "pod": collect.kubernetes.pod_name}
    return CollectorSettings(
        instance=collect.instance,
        cluster=collect.cluster,
        labels=collect.labels,
        pushing=pushing,
        node=node,
        state=state,
        scraping=scraping,
        targets=targets,
        own_interval_s=collect.interval_s,
        own_labels=own,
        listen=collect.listen,
        api_url=collect.kubernetes.api_url,
    )


def _own_target(settings: Settings, url: str) -> Target:
    """The page of `swell up` itself, but for what its collector pushes already."""
    collect = settings.collect
    interval_ms = round(collect.interval_s * 1000)
    return Target(
        f"{url}/metrics",
        "swell",
        {"job": "swell", "instance": collect.instance},
        interval_ms=interval_ms,
        timeout_ms=min(interval_ms, 10_000),
        rules=(Rule(Action.DROP, ("__name__",), regex="swell_collector_.*"),),
        credentials=Credentials(bearer=settings.bearer_token() or ""),
    )


def _choice(state: collect_settings.StateSettings) -> StateChoice:
    allowed = {}
    for key in ("labels", "annotations"):
        try:
            allowed[key] = Allowed.parse(getattr(state, key))
        except ValueError as error:
            raise ConfigError(f"collect.state.{key}: {error}") from None
    return StateChoice(
        frozenset(state.resources) or None,
        frozenset(state.opt_in),
        state.exclude,
        allowed["labels"],
        allowed["annotations"],
    )


def _node(collect: CollectSettings) -> NodeSettings:
    # Rules join the machine's series with kube_pod_info by the collector's own pod.
    own = {"namespace": collect.kubernetes.namespace, "pod": collect.kubernetes.pod_name}
    return NodeSettings(
        interval_s=collect.interval_s,
        proc_root=collect.proc_root,
        sys_root=collect.sys_root,
        rootfs=collect.rootfs,
        net_root=collect.net_root,
        udev_root=collect.udev_root,
        job=collect.job,
        labels={name: value for name, value in own.items() if value},
        choice=collect.node.choice(),
    )


def _scraping(collect: CollectSettings, of_node: bool = False) -> DiscoverySettings:
    scrape = collect.scrape
    return DiscoverySettings(
        scrape_file=scrape.file,
        kubelet=_kubelet(collect) if of_node and collect.kubelet.enabled else None,
        annotated_pods=scrape.annotated_pods,
        annotated_services=scrape.annotated_services,
        monitors=scrape.monitors,
        monitor_selector=scrape.monitor_selector,
        secrets_dir=scrape.secrets_dir,
        control_plane=tuple(scrape.control_plane),
        node=collect.kubernetes.node_name if of_node else "",
        namespaces=tuple(scrape.namespaces),
        role=scrape.endpoints_role,
        interval_ms=round(scrape.interval_s * 1000),
        timeout_ms=round(min(scrape.timeout_s, scrape.interval_s) * 1000),
        shard=collect.shard,
        shards=collect.shards,
    )


def _kubelet(collect: CollectSettings) -> Kubelet:
    kubelet, where = collect.kubelet, collect.kubernetes
    host = kubelet.host or where.host_ip
    if not host or not where.node_name:
        raise ConfigError(
            "collect.kubelet.enabled: the kubelet needs collect.kubernetes.node_name, and "
            "collect.kubernetes.host_ip or collect.kubelet.host"
        )
    interval_ms = round(collect.scrape.interval_s * 1000)
    return Kubelet(
        where.node_name,
        host,
        kubelet.port,
        pages=tuple(kubelet.pages),
        interval_ms=interval_ms,
        timeout_ms=min(interval_ms, round(collect.scrape.timeout_s * 1000)),
        access=Access(
            Credentials(bearer_file=kubelet.token_file or SERVICE_ACCOUNT / "token"),
            Trust(insecure=True)
            if kubelet.insecure_skip_verify
            else Trust(ca_file=kubelet.ca_file or SERVICE_ACCOUNT / "ca.crt"),
        ),
    )


def _pushing(settings: Settings, name: str, destinations: tuple[Destination, ...]) -> Pushing:
    collect = settings.collect
    return Pushing(
        destinations=destinations,
        spool_dir=settings.data_dir / "spool" / name,
        spool_bytes=collect.spool_bytes,
        memory_bytes=collect.memory_bytes,
        body_samples=collect.body_samples,
        body_bytes=collect.body_bytes,
    )


def _destinations(collect: CollectSettings) -> tuple[Destination, ...]:
    if not collect.destinations:
        selection = _selection(collect.send, "collect.send")
        return (
            Destination(
                collect.url, token_file=collect.token_file, trust=_trust(collect.tls), selection=selection
            ),
        )
    return tuple(
        Destination(
            each.url,
            each.name,
            token_file=each.token_file,
            timeout_s=each.timeout_s,
            trust=_trust(each.tls),
            headers=each.headers,
            selection=_selection(each.send, f"collect.destinations.{each.name}.send"),
            version=each.remote_write,
        )
        for each in collect.destinations
    )


def _trust(tls: TrustSettings) -> Trust:
    return Trust(tls.ca_file, tls.cert_file, tls.key_file, tls.server_name, tls.insecure_skip_verify)


def _selection(send: SelectionSettings, key: str) -> Selection:
    path: Path | None = send.relabel_file
    return Selection(
        metric_allow=tuple(send.metric_allow),
        metric_deny=tuple(send.metric_deny),
        label_allow={name: tuple(globs) for name, globs in send.label_allow.items()},
        label_deny={name: tuple(globs) for name, globs in send.label_deny.items()},
        rules=read_rules(path, f"{key}.relabel_file") if path else (),
        label_include=tuple(send.label_include),
        label_exclude=tuple(send.label_exclude),
    )
