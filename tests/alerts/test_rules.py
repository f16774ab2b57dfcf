"""Rule files: real ones load, wrong ones are refused with their place."""

from pathlib import Path

import pytest

from alerts.rules import AlertingRule, load
from storage.errors import ConfigError

BAD = {
    "unknown key": ("{alert: A, expr: up, fro: 5m}", r"group 'g', rule 1.*unknown key 'fro'"),
    "no expression": ("{alert: A}", r"rule 1 'A', expr: holds nothing"),
    "bad expression": ("{alert: A, expr: 'sum(up'}", r"group 'g', rule 1 'A', expr: 1:\d+: "),
    "range vector": ("{alert: A, expr: 'up[5m]'}", r"expr: is a matrix"),
    "both kinds": ("{alert: A, record: b, expr: up}", r"has record and alert"),
    "neither kind": ("{expr: up}", r"has neither, expected record or alert"),
    "bad duration": ("{alert: A, expr: up, for: 5 minutes}", r"for: not a valid duration"),
    "for on a recording": ("{record: a, expr: up, for: 5m}", r"for: belongs to alerting rules"),
    "bad template": ("{alert: A, expr: up, labels: {x: '{{ end }}'}}", r"labels, x: line 1: unexpected"),
    "unknown function": ("{alert: A, expr: up, labels: {x: '{{ f 1 }}'}}", r"function 'f' not defined"),
    "metric name": ("{record: 'a{b}', expr: up}", r"record: holds a brace"),
}


@pytest.mark.parametrize(("rule", "message"), BAD.values(), ids=BAD.keys())
def test_a_wrong_rule_is_refused_with_its_place(tmp_path: Path, rule: str, message: str) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(f"groups:\n- name: g\n  rules:\n  - {rule}\n")

    with pytest.raises(ConfigError, match=message) as raised:
        load([str(path)])

    assert str(path) in str(raised.value)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("groups: []\ngroups: []\n")

    with pytest.raises(ConfigError, match="stands twice"):
        load([str(path)])


def test_a_missing_file_is_refused_and_an_empty_glob_is_not(tmp_path: Path) -> None:
    assert load([str(tmp_path / "*.yaml")]) == ()
    with pytest.raises(ConfigError, match="cannot be read"):
        load([str(tmp_path / "absent.yaml")])


def test_every_real_rule_file_loads(shared_data: Path) -> None:
    patterns = [str(shared_data / "rules" / "*" / ending) for ending in ("*.yaml", "*.yml")]

    groups = load(patterns)

    rules = [rule for group in groups for rule in group.rules]
    assert len({group.file for group in groups}) == 12
    assert len(groups) == 64
    assert len(rules) == 412
    assert sum(isinstance(rule, AlertingRule) for rule in rules) > 100
