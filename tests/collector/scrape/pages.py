"""Pages for scrapes: captures of real programs, and readers of them for tests."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from collector.scrape.layout import Layout
from collector.scrape.naming import Naming
from collector.scrape.page import Page, Quota
from collector.scrape.text import TextMemory, TextReader
from collector.symbols import label_pairs
from collector.target import Target

Sample = tuple[dict[str, str], str]
_DATA = "nri-kubernetes/internal/testutil/data"
CAPTURES = {
    "cadvisor 1.31": f"{_DATA}/1_31/kubelet/metrics/cadvisor",
    "cadvisor 1.35": f"{_DATA}/1_35/kubelet/metrics/cadvisor",
    "kube-state-metrics 1.31": f"{_DATA}/1_31/ksm/metrics",
    "kube-state-metrics 1.35": f"{_DATA}/1_35/ksm/metrics",
    "controller-manager": f"{_DATA}/1_35/controlplane/controller-manager/metrics",
    "scheduler": f"{_DATA}/1_35/controlplane/scheduler/metrics",
    "etcd": f"{_DATA}/1_35/controlplane/etcd/metrics",
    "kubelet resource": "metrics-server/metrics_resource_0.prom",
    "kubelet": "local-kube-apiserver-1.20.2/hollow_kubelet_metrics.txt",
    "node_exporter": "node_exporter.prom",
}
SUMMARY = f"{_DATA}/{{}}/kubelet/stats/summary"


def capture(shared: Path, path: str) -> bytes:
    file = shared / "k8s" / path
    if not file.exists():
        pytest.skip(f"no capture at {file}")
    return file.read_bytes()


def naming(**options: object) -> Naming:
    """Of a target that adds nothing."""
    return Naming(Target("http://test/metrics", "test", {}, **options))  # type: ignore[arg-type]


def read(
    raw: bytes,
    memory: TextMemory | None = None,
    openmetrics: bool = False,
    step: int = 1 << 17,
    limit: int = 0,
    honors_times: bool = True,
    name: Naming | None = None,
) -> tuple[Page, bool]:
    """A page, and whether all of it was as on the page before."""
    named = (name or naming()).encoded
    reader = TextReader(memory or TextMemory(), named, Quota(limit), openmetrics, honors_times)
    known = [reader.feed(raw[at : at + step]) for at in range(0, len(raw), step)]
    return reader.finish(), all(known)


def samples(page: Page) -> list[Sample]:
    """Every sample that is kept: labels, value and, where the page gives one, time."""
    layout: Layout = page.layout
    rows: Sequence[int] = range(len(layout.all_lines)) if layout.rows is None else layout.rows.tolist()
    found = []
    for place, row in enumerate(rows):
        labels = {name.decode(): value.decode() for name, value in label_pairs(layout.lines[place])}
        time = f" @{int(page.times_ms[row])}" if layout.timed[row] else ""
        found.append((labels, f"{float(page.values[row])!r}{time}"))
    return found


def oracle(raw: bytes, openmetrics: bool) -> list[Sample]:
    """The same by the parser of Prometheus's own Python client.

    Of text it is given no types: it would call all counters `_total`.
    """
    lines = [line for line in raw.decode().split("\n") if openmetrics or not line.startswith("# TYPE")]
    reader = read_openmetrics if openmetrics else read_text
    found = []
    for family in reader("\n".join(lines)):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if value}
            time = "" if sample.timestamp is None else f" @{round(float(sample.timestamp) * 1000)}"
            found.append(({"__name__": sample.name, **labels}, f"{float(sample.value)!r}{time}"))
    return found


def sorted_samples(found: list[Sample]) -> list[str]:
    return sorted(repr((sorted(labels.items()), value)) for labels, value in found)
