"""`swell test rules` on files of our own and on those of promtool and of kubernetes-mixin."""

import io
from pathlib import Path

import pytest

from alerts.unittest.run import run_files

_RULES = """
groups:
  - name: g
    rules:
      - {record: "job:up:sum", expr: "sum by (job) (up)"}
      - alert: Down
        expr: job:up:sum == 0
        for: 2m
        labels: {severity: page}
        annotations: {summary: "{{ $labels.job }} is down since {{ $externalLabels.region }}"}
"""
_TESTS = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - name: down for a while
    interval: 1m
    external_labels: {region: eu}
    input_series:
      - {series: 'up{job="a"}', values: "1 0x9"}
    promql_expr_test:
      - {expr: "job:up:sum", eval_time: 30s, exp_samples: [{labels: 'job:up:sum{job="a"}', value: 1}]}
      - {expr: "up > 1", eval_time: 3m}
    alert_rule_test:
      - {eval_time: 2m, alertname: Down}
      - eval_time: 3m
        alertname: Down
        exp_alerts:
          - exp_labels: {severity: page, job: a}
            exp_annotations: {summary: "a is down since eu"}
"""
_PASSING = (
    "at-modifier-test",
    "long-period",
    "negative-offset-test",
    "no-test-group-interval",
    "start-time-test",
    "unittest",
)
_FAILING = ("failing", "bad-input-series", "bad-promql", "rules_run", "rules_run_fuzzy", "rules_run_no_fuzzy")


def ran(path: Path) -> tuple[bool, str]:
    out = io.StringIO()
    return run_files([path], out), out.getvalue()


def written(root: Path, tests: str) -> Path:
    (root / "rules.yml").write_text(_RULES)
    (root / "tests.yml").write_text(tests)
    return root / "tests.yml"


def test_rules_that_do_as_expected_succeed(tmp_path: Path) -> None:
    passed, output = ran(written(tmp_path, _TESTS))

    assert passed, output
    assert output.endswith("tests.yml\n  SUCCESS\n\n")


def test_a_failure_tells_what_was_expected_and_what_was_got(tmp_path: Path) -> None:
    passed, output = ran(written(tmp_path, _TESTS.replace("value: 1", "value: 2").replace("is down", "up")))

    assert not passed
    assert 'exp:[\n                job:up:sum{job="a"} 2.0' in output
    assert 'got:[\n                job:up:sum{job="a"} 1.0' in output
    assert 'Annotations:{summary="a is down since eu"}' in output


def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path) -> None:
    passed, output = ran(written(tmp_path, _TESTS.replace("1 0x9", "1 zero")))

    assert not passed
    assert "tests.yml: test 1, input_series 1, series" in output


@pytest.mark.parametrize("name", _PASSING)
def test_promtools_own_files_pass(name: str, shared_data: Path) -> None:
    passed, output = ran(shared_data / "promtool" / f"{name}.yml")

    assert passed, output


@pytest.mark.parametrize("name", _FAILING)
def test_files_that_promtool_fails_fail(name: str, shared_data: Path) -> None:
    passed, _ = ran(shared_data / "promtool" / f"{name}.yml")

    assert not passed
