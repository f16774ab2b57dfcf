"""What of a machine is read, as an operator chooses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from collector.node.choice import NodeChoice
from collector.node.sources import node_sources
from server.node_settings import NodeChoiceSettings
from storage.errors import ConfigError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/collectors.md"


@pytest.mark.parametrize("name", ["device_exclude", "mount_point_exclude", "container_include"])
def test_a_pattern_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name}: '\(' is no regular expression"):
        NodeChoice(**{name: "("})  # type: ignore[arg-type]  # the pattern of the case


def test_a_collector_that_is_off_does_not_run() -> None:
    off = frozenset({"hwmon", "btrfs"})

    assert node_sources().keys() - node_sources(NodeChoice(collectors_off=off)).keys() == off


def test_an_unknown_collector_cannot_be_turned_off() -> None:
    with pytest.raises(ConfigError, match="collectors_off: 'wifi' is none of arp, bcache"):
        node_sources(NodeChoice(collectors_off=frozenset({"wifi"})))


def test_settings_without_a_choice_choose_node_exporters_defaults() -> None:
    assert NodeChoiceSettings().choice() == NodeChoice()


def test_settings_are_the_same_choice_as_a_value() -> None:
    settings = NodeChoiceSettings(collectors_off=["hwmon"], textfile_dirs=["/var/lib/x"], containers=True)

    assert settings.choice() == NodeChoice(
        collectors_off=frozenset({"hwmon"}), textfile_dirs=("/var/lib/x",), containers=True
    )


def test_a_setting_that_is_no_pattern_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match=r"hwmon_chip: '\(' is no regular expression"):
        NodeChoiceSettings(hwmon_chip="(")


def test_every_collector_is_in_the_table_of_the_documents() -> None:
    cells = [line.split("|")[1] for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    named = {name.strip() for cell in cells for name in cell.split(",")}

    assert node_sources(NodeChoice(containers=True)).keys() <= named
