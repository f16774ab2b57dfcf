"""What existing rules and dashboards find in data that Swell alone has collected.

    python -m bench.coverage DATA [--seconds 240]

DATA is a directory with captures (k8s), rules of kube-prometheus (rules) and dashboards of Grafana (grafana).
A node and a cluster collector read this machine and the captured cluster; every rule is evaluated by Swell,
and every query of every panel is asked. Prints rules by state, and panels with data by dashboard.
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from dashboards.documents.interpolation import Chosen, interpolate
from dashboards.documents.model import Panel
from dashboards.documents.variables import resolve
from dashboards.grafana.importer import import_grafana
from storage.errors import InputError
from tests.e2e.cluster import CAPTURE, Cluster, running
from tests.e2e.swell import Swell
from tests.e2e.test_collectors import collector

TIMES = {
    "__rate_interval": "1m",
    "__interval": "30s",
    "__range": "10m",
    "__range_s": "600",
    "__interval_ms": "30000",
}
WANTED = {"namespace": ("kube-system",)}
"""Where the capture has most; other variables keep what a dashboard chooses, or their first value."""
LOCAL = "k8s/local-kube-apiserver-1.20.2"
LISTS = {
    "daemonsets": "/apis/apps/v1/daemonsets",
    "deployments": "/apis/apps/v1/deployments",
    "replicasets": "/apis/apps/v1/replicasets",
    "statefulsets": "/apis/apps/v1/statefulsets",
    "jobs": "/apis/batch/v1/jobs",
    "horizontalpodautoscalers": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "resourcequotas": "/api/v1/resourcequotas",
}
JOBS = (
    ("kubelet", "/metrics"),
    ("kubelet", "/metrics/cadvisor"),
    ("kubelet", "/metrics/probes"),
    ("apiserver", "/api-server/metrics"),
    ("kube-controller-manager", "/controller-manager/metrics"),
    ("kube-scheduler", "/scheduler/metrics"),
    ("etcd", "/etcd/metrics"),
)


@dataclass
class Store:
    """What a dashboard's variables ask of a running Swell."""

    swell: Swell

    def label_values(self, name: str, selector: str, /) -> Sequence[str]:
        match = {"match[]": selector} if selector else {}
        return [*self.swell.data(f"/api/v1/label/{name}/values", **match)]

    def label_names(self, selector: str, /) -> Sequence[str]:
        return [*self.swell.data("/api/v1/labels", **({"match[]": selector} if selector else {}))]

    def query_result(self, expression: str, /) -> Sequence[str]:
        return [text_of(row) for row in self.swell.instant(expression)]


def text_of(row: Any) -> str:
    labels = dict(row["metric"])
    name = labels.pop("__name__", "")
    inner = ",".join(f"{key}={json.dumps(value)}" for key, value in labels.items())
    return f"{name}{{{inner}}} {row['value'][1]} {round(row['value'][0] * 1000)}"


def rule_files(data: Path, directory: Path) -> Path:
    """The rules of PrometheusRule objects as files of rules."""
    for path in sorted((data / "rules/kube-prometheus").glob("*.yaml")):
        groups = yaml.safe_load(path.read_text())["spec"]["groups"]
        (directory / path.name).write_text(yaml.safe_dump({"groups": groups}))
    return directory


def dashboards(data: Path) -> Iterator[tuple[str, bytes]]:
    definitions = yaml.safe_load(
        (data / "grafana/kube-prometheus/grafana-dashboardDefinitions.yaml").read_text()
    )
    for item in definitions["items"]:
        for name, text in item["data"].items():
            yield f"kube-prometheus/{name}", text.encode()
    for path in sorted((data / "grafana").rglob("*.json")):
        yield (
            f"{path.relative_to(data / 'grafana').parts[0].partition('+')[0]}/{path.name}",
            path.read_bytes(),
        )


def extra(data: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, path in LISTS.items():
        for item in json.loads((data / LOCAL / f"{name}.json").read_text())["items"]:
            yield path, item


def pages(data: Path) -> dict[str, bytes]:
    local = data / LOCAL
    return {
        "/metrics": (local / "hollow_kubelet_metrics.txt").read_bytes(),
        "/metrics/probes": (local / "hollow_kubelet_metrics_probes.txt").read_bytes(),
    }


def scrape_file(directory: Path, cluster: Cluster, node: str) -> Path:
    jobs = [
        {
            "job_name": f"{job}{path}",
            "scrape_interval": "5s",
            "scrape_timeout": "5s",
            "metrics_path": path,
            "honor_labels": True,
            "honor_timestamps": False,
            "static_configs": [
                {
                    "targets": [f"127.0.0.1:{cluster.kubelet_port}"],
                    "labels": {
                        "job": job,
                        "metrics_path": path if job == "kubelet" else "/metrics",
                        "node": node,
                    },
                }
            ],
        }
        for job, path in JOBS
    ]
    path = directory / "scrape.yml"
    path.write_text(yaml.safe_dump({"scrape_configs": jobs}))
    return path


def start(data: Path, directory: Path, stack: ExitStack) -> Swell:
    """A Swell with the rules, and collectors that push to it."""
    capture = data / CAPTURE / "1_35"
    cluster = stack.enter_context(running(capture, pages(data), extra(data), socket.gethostname()))
    rules = rule_files(data, directory)
    flags = ("--no-collect.enabled", "--alerts.rule-files", json.dumps([str(rules / "*.yaml")]),
             "--alerts.evaluation-interval-s", "10")  # fmt: skip
    swell = Swell(directory / "swell" / "data", flags).start()
    stack.callback(swell.stop)
    [node] = cluster.api.objects["/api/v1/nodes"].values()
    pod = next(iter(cluster.api.objects["/api/v1/pods"].values()))["metadata"]
    name = node["metadata"]["name"]
    common = ("--collect.cluster", "c1", "--collect.interval-s", "5")
    own = (
        "--collect.instance", name, "--collect.job", "node-exporter", "--collect.kubernetes.node-name", name,
        "--collect.kubernetes.namespace", pod["namespace"], "--collect.kubernetes.pod-name", pod["name"],
        "--collect.scrape.file", str(scrape_file(directory, cluster, name)),
    )  # fmt: skip
    state = ("--collect.kubernetes.api-url", cluster.api.url, "--collect.state.interval-s", "5")
    stack.enter_context(collector("node", swell.url, directory / "node", *common, *own))
    stack.enter_context(collector("cluster", swell.url, directory / "cluster", *common, *state))
    return swell


def has_data(swell: Swell, expr: str) -> bool:
    try:
        return bool(swell.data("/api/v1/query", query=expr)["result"])
    except (AssertionError, httpx.HTTPError) as error:
        print("   failed:", expr[:120], str(error)[:200])
        return False


def panels_with_data(swell: Swell, raw: bytes) -> tuple[int, int, list[str]]:
    """Panels with data, panels with queries, titles of those without."""
    dashboard = import_grafana(raw).dashboard
    known = {name: one.chosen for name, one in resolve(dashboard, WANTED, Store(swell)).items()}
    known |= {name: Chosen((value,)) for name, value in TIMES.items()}
    asked = [panel for panel in dashboard.panels if panel.queries]
    empty = [panel.title for panel in asked if not any(_asked(swell, panel, known))]
    return len(asked) - len(empty), len(asked), empty


def _asked(swell: Swell, panel: Panel, known: dict[str, Chosen]) -> Iterator[bool]:
    for query in panel.queries:
        yield has_data(swell, interpolate(query.expr, known, is_query=True))


def show_rules(swell: Swell) -> None:
    groups = swell.data("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    bad = [rule for rule in rules if rule["health"] == "err"]
    recorded = [rule for rule in rules if rule["type"] == "recording"]
    filled = [rule for rule in recorded if has_data(swell, rule["name"])]
    print(f"rules: {len(rules)}, in error: {len(bad)}, not evaluated yet: ", end="")
    print(sum(rule["health"] == "unknown" for rule in rules))
    print(f"recording rules with data: {len(filled)} of {len(recorded)}")
    print(
        "  without:", ", ".join(sorted({rule["name"] for rule in recorded} - {one["name"] for one in filled}))
    )
    for rule in bad:
        print("  error:", rule["name"], rule.get("lastError"))
    firing = sorted({rule["name"] for rule in rules if rule.get("state") == "firing"})
    print("firing:", ", ".join(firing))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.coverage", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--only", default="", help="a part of the names of dashboards")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="swell-coverage-") as name, ExitStack() as stack:
        directory = Path(name)
        swell = start(arguments.data, directory, stack)
        time.sleep(arguments.seconds)
        show_rules(swell)
        print("\n| dashboard | panels with data | panels |\n| --- | ---: | ---: |")
        total = [0, 0]
        missing: dict[str, list[str]] = {}
        for title, raw in dashboards(arguments.data):
            if arguments.only not in title:
                continue
            try:
                found, asked, missing[title] = panels_with_data(swell, raw)
            except InputError as error:
                print(f"| {title} | {error} | |")
                continue
            total = [total[0] + found, total[1] + asked]
            print(f"| {title} | {found} | {asked} |", flush=True)
        print(f"| all | {total[0]} | {total[1]} |\n")
        for title, titles in missing.items():
            if titles:
                print(f"{title}: {', '.join(titles)}")


if __name__ == "__main__":
    main()
