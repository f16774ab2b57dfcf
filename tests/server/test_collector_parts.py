"""What the settings say of the collector reaches it."""

from pathlib import Path

from server.parts import node_settings, own_url
from server.settings import load


def test_two_collectors_of_one_data_directory_have_a_spool_each(tmp_path: Path) -> None:
    settings = load(["--data-dir", str(tmp_path)], {})

    of_up = node_settings(settings, "http://127.0.0.1:1")
    of_collect = node_settings(settings, settings.collect.url)

    assert of_up.spool_dir != of_collect.spool_dir
    assert own_url(settings) == settings.collect.url


def test_labels_and_the_network_namespace_are_settings(tmp_path: Path) -> None:
    flags = ["--collect.labels", '{"zone": "a", "rack": "7"}', "--collect.net-root", "/host/net"]
    settings = load([*flags, "--collect.cluster", "c"], {})

    node = node_settings(settings, settings.collect.url)

    assert node.roots.net == "/host/net"
    assert {name: node.target[name] for name in ("zone", "rack", "cluster")} == {
        "zone": "a",
        "rack": "7",
        "cluster": "c",
    }
