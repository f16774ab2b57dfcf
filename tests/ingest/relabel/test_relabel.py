"""Relabel rules do what Prometheus's do: by cases, and by the program itself."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ingest.relabel.document import parse_rules, read_rules
from ingest.relabel.rules import Action, Rule, relabel
from storage.errors import ConfigError
from tests.peers import free_port, wait_until

HERE = Path(__file__).parent
CASES = yaml.safe_load((HERE / "cases.yml").read_text())
REFUSALS = yaml.safe_load((HERE / "refusals.yml").read_text())


def rules_of(case: dict[str, Any]) -> tuple[Rule, ...]:
    return parse_rules(yaml.safe_dump(case["rules"], allow_unicode=True).replace(": null", ":"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_rules_leave_the_labels_of_the_case(case: dict[str, Any]) -> None:
    assert relabel(rules_of(case), case["labels"]) == case["leave"]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case["text"])
def test_a_document_that_is_wrong_is_refused_with_the_reason(case: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_rules(case["text"])

    assert case["reason"] in str(caught.value)


def test_a_file_that_is_wrong_is_named_with_its_setting(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    with pytest.raises(ConfigError, match=r"ingest\.relabel_file: cannot read .*rules\.yml"):
        read_rules(path, "ingest.relabel_file")
    path.write_text("- {}")
    with pytest.raises(ConfigError, match=r"ingest\.relabel_file: .*rules\.yml': rule 1: target_label"):
        read_rules(path, "ingest.relabel_file")


TEXTS = st.text("ab_1$;é\n", max_size=6)
NAMES = st.text("ab_é", min_size=1, max_size=3)


@given(
    st.dictionaries(NAMES, TEXTS, max_size=5),
    st.sampled_from(sorted({*Action} - {Action.KEEP_EQUAL, Action.DROP_EQUAL})),
    st.lists(NAMES, max_size=3),
    st.sampled_from(["(.*)", "", "a", "(a|b)+(.*)", "(?P<x>.)*"]),
    NAMES,
    TEXTS,
)
def test_no_rule_leaves_an_empty_label_and_none_fails(
    labels: dict[str, str], action: Action, sources: list[str], regex: str, target: str, template: str
) -> None:
    fields: dict[str, Any] = {"regex": regex}
    if action not in (Action.LABEL_DROP, Action.LABEL_KEEP):
        fields |= {"source_labels": tuple(sources), "target_label": target, "modulus": 7}
    if action is Action.LABEL_MAP:
        fields["replacement"] = template or "$0"
    left = relabel([Rule(action, **fields)], labels)

    assert left is None or all(left.values())


@contextmanager
def exposing(text: str) -> Iterator[str]:
    """A target on loopback; gives its address."""

    class Target(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Target) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def prometheus(root: Path, configuration: dict[str, Any]) -> Iterator[str]:
    """A Prometheus; gives its URL."""
    path = root / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration, allow_unicode=True).replace(": null", ":"))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={path}", f"--storage.tsdb.path={root / 'tsdb'}"]
    with (root / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.peers
def test_prometheus_itself_leaves_the_same_labels(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed; Debian's package of that name has it")
    cases = [case for case in CASES if case.get("since", 2) <= 2]
    lines = []
    for i, case in enumerate(cases):
        labels = {name: value for name, value in case["labels"].items() if name != "__name__"}
        inner = ",".join(f'{name}="{value}"'.replace("\n", "\\n") for name, value in labels.items())
        lines.append(f'{case["labels"].get("__name__", "m")}{{{inner}{"," if inner else ""}case="{i}"}} 1\n')
    with exposing("".join(lines)) as address:
        jobs = [
            {
                "job_name": str(i),
                "static_configs": [{"targets": [address]}],
                "metric_relabel_configs": [
                    {"source_labels": ["case"], "regex": str(i), "action": "keep"},
                    *case["rules"],
                ],
            }
            for i, case in enumerate(cases)
        ]
        configuration = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs}
        with prometheus(tmp_path, configuration) as url:
            found = scraped(url, len(cases))
            for i, case in enumerate(cases):
                own = {"job": str(i), "instance": address, "case": str(i)}
                came = {"__name__": "m", **case["labels"], **own}
                wanted = relabel(rules_of(case), came)
                assert found.get(str(i), []) == ([] if wanted is None else [wanted]), case["name"]


def scraped(url: str, jobs: int) -> dict[str, list[dict[str, str]]]:
    """The series of each job but for what Prometheus adds itself, once all jobs were scraped."""

    def series(query: str) -> list[dict[str, str]]:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query})
        answer.raise_for_status()
        return [one["metric"] for one in answer.json()["data"]["result"]]

    def is_done() -> bool:
        try:
            return len(series("up == 1")) == jobs
        except httpx.HTTPError:
            return False

    wait_until(is_done, "every job scraped", 30)
    by_job: dict[str, list[dict[str, str]]] = {}
    for one in series('{__name__=~".+", __name__!~"up|scrape_.*"}'):
        by_job.setdefault(one["job"], []).append(one)
    return by_job
