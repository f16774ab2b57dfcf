"""Two real Prometheus servers scrape one target: one of them is heard, and the other when it has gone."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Starter
from tests.e2e.swell import Swell
from tests.ingest.relabel.test_relabel import exposing, prometheus
from tests.peers import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peers]

_RULES = """
- {source_labels: [__name__], regex: scrape_.*, action: drop}
- {target_label: via, replacement: door}
"""


def configuration(replica: str, target: str, swell: Swell) -> dict[str, Any]:
    return {
        "global": {
            "scrape_interval": "1s",
            "scrape_timeout": "1s",
            "external_labels": {"cluster": "c", "__replica__": replica},
        },
        "scrape_configs": [{"job_name": "pair", "static_configs": [{"targets": [target]}]}],
        "remote_write": [
            {"url": swell.url + "/api/v1/write", "queue_config": {"batch_send_deadline": "200ms"}}
        ],
    }


def test_of_a_pair_of_prometheus_one_is_heard_and_the_other_takes_over(
    start: Starter, tmp_path: Path
) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed; Debian's package of that name has it")
    (tmp_path / "rules.yml").write_text(_RULES)
    flags = ["--ingest.ha-cluster-label", "cluster", "--ingest.ha-failover-s", "3", "--no-collect.enabled"]
    swell = start([*flags, "--ingest.relabel-file", str(tmp_path / "rules.yml"), "--log-level", "warning"])

    def dropped() -> dict[str, int]:
        return {one["reason"]: one["samples"] for one in swell.data("/api/v1/status/refused")}

    def newest_s() -> float:
        # Each target has a port, and so a series, of its own.
        return max((float(one["value"][1]) for one in swell.instant("timestamp(steady)")), default=0.0)

    for name in "ab":
        (tmp_path / name).mkdir()
    with (
        exposing("steady 1\n") as target,
        prometheus(tmp_path / "b", configuration("b", target, swell)),
    ):
        wait_until(lambda: newest_s() > 0, "the first is heard", 90)
        with prometheus(tmp_path / "a", configuration("a", target, swell)):
            wait_until(lambda: dropped().get("replica", 0) > 10, "the second stands by", 90)
            (series,) = swell.instant("steady")
            assert series["metric"] == {
                "__name__": "steady",
                "cluster": "c",
                "instance": target,
                "job": "pair",
                "via": "door",
            }
            assert float(swell.instant("count_over_time(steady[10s])")[0]["value"][1]) <= 12
    gone_s = time.time()
    with exposing("steady 2\n") as target, prometheus(tmp_path / "a", configuration("a", target, swell)):
        wait_until(lambda: newest_s() > gone_s, "the second is heard once the first has gone", 90)
    assert swell.instant('{__name__=~"scrape_.*"}') == []
    assert dropped()["relabel"] > 0
