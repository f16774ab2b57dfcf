"""What the settings say of a collector reaches it."""

import json
from pathlib import Path

import pytest

from collector.settings import Destination
from server.collecting import of_cluster, of_node, of_up
from server.parts import own_url
from server.settings import load
from storage.errors import ConfigError


def test_collectors_of_one_data_directory_have_a_spool_each(tmp_path: Path) -> None:
    settings = load(["--data-dir", str(tmp_path)], {})

    spools = {
        each.pushing.spool_dir
        for each in (of_up(settings, "http://127.0.0.1:1"), of_node(settings), of_cluster(settings))
    }

    assert len(spools) == 3
    assert own_url(settings) == settings.collect.url


def test_labels_and_the_network_namespace_are_settings() -> None:
    flags = ["--collect.labels", '{"zone": "a", "rack": "7"}', "--collect.net-root", "/host/net"]
    node = of_node(load([*flags, "--collect.cluster", "c"], {}))

    assert node.node is not None
    assert node.node.roots.net == "/host/net"
    assert node.external == {"zone": "a", "rack": "7", "cluster": "c"}


def test_in_a_cluster_the_machines_series_bear_the_collectors_pod_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = {
        "SWELL_COLLECT__INSTANCE": "worker-1",
        "SWELL_COLLECT__KUBERNETES__NODE_NAME": "worker-1",
        "SWELL_COLLECT__KUBERNETES__HOST_IP": "10.0.0.1",
        "SWELL_COLLECT__KUBERNETES__POD_NAME": "swell-node-abc",
        "SWELL_COLLECT__KUBERNETES__NAMESPACE": "swell",
        "SWELL_COLLECT__JOB": "node-exporter",
        "SWELL_COLLECT__KUBELET__ENABLED": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    node = of_node(load([], {}))

    assert node.node_labels == {
        "job": "node-exporter",
        "instance": "worker-1",
        "namespace": "swell",
        "pod": "swell-node-abc",
    }
    assert node.external == {}
    assert node.scraping is not None
    assert node.scraping.kubelet is not None
    assert (node.scraping.kubelet.node, node.scraping.kubelet.host) == ("worker-1", "10.0.0.1")


def test_swell_up_scrapes_itself_with_its_own_token_unless_told_not_to() -> None:
    settings = load(["--token", "secret", "--collect.instance", "n1"], {})

    [own] = of_up(settings, "http://127.0.0.1:1").targets

    assert (own.url, own.labels) == ("http://127.0.0.1:1/metrics", {"job": "swell", "instance": "n1"})
    assert own.credentials.bearer == "secret"
    assert of_up(load(["--no-collect.own-metrics"], {}), "http://127.0.0.1:1").targets == ()


def test_what_of_the_clusters_state_is_told_is_a_setting() -> None:
    flags = ["--collect.state.labels", "pods=[app]", "--collect.state.resources", '["pods"]']
    state = of_cluster(load(flags, {})).state

    assert state is not None
    assert state.choice.resources == {"pods"}
    assert state.choice.labels.of("pods") == {"app"}
    with pytest.raises(ConfigError, match=r"collect\.state\.labels: .* does not begin with"):
        of_cluster(load(["--collect.state.labels", "pods"], {}))


def test_a_kubelet_without_an_address_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"collect\.kubernetes\.node_name"):
        of_node(load(["--collect.kubelet.enabled"], {}))


def test_several_destinations_each_have_their_own_settings(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("- {action: drop, source_labels: [__name__], regex: go_.*}\n")
    given = [
        {"name": "near", "url": "http://swell:9470", "token_file": "/token"},
        {
            "name": "far",
            "url": "https://far/write",
            "remote_write": 1,
            "headers": {"X-Scope-OrgID": "a"},
            "tls": {"ca_file": "/ca.crt"},
            "send": {"metric_deny": ["go_*"], "label_exclude": ["uid"], "relabel_file": str(rules)},
        },
    ]
    near, far = of_node(load(["--collect.destinations", json.dumps(given)], {})).pushing.destinations

    assert near == Destination("http://swell:9470", "near", token_file=Path("/token"))
    assert (far.version, far.headers, far.trust.ca_file) == (1, {"X-Scope-OrgID": "a"}, Path("/ca.crt"))
    assert (far.selection.metric_deny, far.selection.label_exclude) == (("go_*",), ("uid",))
    assert len(far.selection.rules) == 1


def test_a_cluster_collector_takes_its_part_and_its_place_in_the_election() -> None:
    flags = ["--collect.shard", "1", "--collect.shards", "3", "--collect.state.election", "swell-cluster"]
    found = of_cluster(load([*flags, "--collect.kubernetes.pod-name", "p-1"], {}))

    assert found.state is not None
    assert (found.state.shard, found.state.shards, found.state.identity) == (1, 3, "p-1")
    assert found.node is None
