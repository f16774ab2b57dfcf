"""Prometheus's file becomes jobs, or is refused with the key that is wrong."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector.discovery.document import parse_jobs, read_jobs
from collector.discovery.job import Access, Files, Http, Kubernetes, Scope, Static
from collector.discovery.section import yaml_content
from collector.target import Bounds, Credentials, Trust
from storage.errors import ConfigError

REFUSALS = yaml.safe_load((Path(__file__).parent / "refusals.yml").read_text())
WHOLE = """
global:
  scrape_interval: 20s
  evaluation_interval: 1m
  external_labels: {cluster: c}
  sample_limit: 7
  body_size_limit: 1MB
rule_files: [rules.yml]
remote_write: [{url: "http://x"}]
runtime: &common
  scrape_timeout: 5s
  scheme: https
scrape_configs:
- job_name: all
  <<: *common
  metrics_path: /m
  params: {a: [b, c]}
  honor_labels: true
  honor_timestamps: false
  track_timestamps_staleness: true
  scrape_native_histograms: true
  always_scrape_classic_histograms: true
  scrape_protocols: [PrometheusProto]
  sample_limit: 1
  label_limit: 2
  label_name_length_limit: 3
  label_value_length_limit: 4
  body_size_limit: 5KB
  target_limit: 6
  follow_redirects: false
  enable_http2: false
  basic_auth: {username: u, password_file: secret}
  tls_config:
    {ca_file: ca.pem, cert_file: /abs/cert.pem, key_file: key.pem, server_name: s, insecure_skip_verify: true}
  relabel_configs: [{action: labeldrop, regex: x}]
  metric_relabel_configs: [{source_labels: [__name__], regex: go_.*, action: drop}]
  static_configs: [{targets: [a:1]}]
  file_sd_configs: [{files: [a.yml, "b/*.json"], refresh_interval: 1m}]
  http_sd_configs: [{url: "http://sd/", refresh_interval: 30s, authorization: {type: Token, credentials: t}}]
  kubernetes_sd_configs:
  - role: endpoints
    namespaces: {names: [b, a]}
    selectors: [{role: service, label: "app=x"}]
    attach_metadata: {node: true}
- job_name: usual
"""


def test_every_key_finds_its_place() -> None:
    content = yaml_content(WHOLE)
    full, usual = parse_jobs(content, Path("/etc/swell"), "f.yml")

    assert (full.interval_ms, full.timeout_ms, full.path, full.scheme) == (20_000, 5_000, "/m", "https")
    assert (full.honor_labels, full.honor_timestamps, full.classic_too) == (True, False, True)
    assert (full.track_timestamps_staleness, full.native_histograms) == (True, True)
    assert full.params == {"a": ("b", "c")}
    assert (full.bounds, full.target_limit) == (Bounds(1, 2, 3, 4, 5 << 10), 6)
    base = Path("/etc/swell")
    assert full.access == Access(
        Credentials(username="u", password_file=base / "secret"),
        Trust(base / "ca.pem", Path("/abs/cert.pem"), base / "key.pem", "s", insecure=True),
        follow_redirects=False,
    )
    static, *others = full.sources
    assert isinstance(static, Static)
    assert [target["__address__"] for target in static.groups[0].targets] == ["a:1"]
    assert others == [
        Files((base / "a.yml", base / "b/*.json")),
        Http("http://sd/", 30_000, Access(Credentials("t", scheme="Token"))),
        Kubernetes("endpoints", Scope(("a", "b"), (("service", "app=x", ""),), with_nodes=True)),
    ]
    assert (len(full.rules), len(full.metric_rules)) == (1, 1)
    assert (usual.interval_ms, usual.timeout_ms, usual.path) == (20_000, 10_000, "/metrics")
    assert usual.bounds == Bounds(samples=7, body_size_bytes=1 << 20)
    assert usual.access == Access()


def test_a_page_is_always_bounded() -> None:
    (job,) = parse_jobs(yaml_content("scrape_configs: [{job_name: j, body_size_limit: 0}]"), Path(), "f.yml")

    assert job.bounds == Bounds()


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: str(case["text"]))
def test_a_document_that_is_wrong_is_refused_with_place_and_reason(case: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_jobs(yaml_content(case["text"]), Path("/nowhere"), "f.yml")

    assert case["reason"] in str(caught.value)


def test_files_of_jobs_are_read_and_a_name_stands_once(tmp_path: Path) -> None:
    main = tmp_path / "prometheus.yml"
    main.write_text(
        "global: {scrape_interval: 9s}\nscrape_config_files: [more/*.yml]\nscrape_configs: [{job_name: a}]"
    )
    (tmp_path / "more").mkdir()
    (tmp_path / "more/1.yml").write_text("scrape_configs: [{job_name: b}]")
    (tmp_path / "more/2.yml").write_text("scrape_configs: [{job_name: c}]")

    assert [(job.name, job.interval_ms) for job in read_jobs(main)] == [("a", 9000), ("b", 9000), ("c", 9000)]

    (tmp_path / "more/2.yml").write_text("scrape_configs: [{job_name: a}]")
    with pytest.raises(ConfigError, match=r"prometheus\.yml: job_name: 'a' stands twice"):
        read_jobs(main)


def test_files_of_jobs_are_found_from_where_the_process_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yml").write_text("scrape_config_files: ['*.jobs.yml']")
    (tmp_path / "a.jobs.yml").write_text("scrape_configs: [{job_name: a}]")

    assert [job.name for job in read_jobs(Path("p.yml"))] == ["a"]


def test_a_file_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.yml"
    with pytest.raises(ConfigError, match=r"p\.yml: cannot be read"):
        read_jobs(path)
    path.write_text("a: [")
    with pytest.raises(ConfigError, match=r"p\.yml: not YAML"):
        read_jobs(path)


def test_labels_that_are_not_put_on_samples_here_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        parse_jobs(yaml_content("global: {external_labels: {a: b}}"), Path(), "f.yml")

    assert "external_labels: not read, expected among the collector's own labels" in caplog.text
