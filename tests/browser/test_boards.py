import json
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SHARED = Path(os.environ.get("SWELL_SHARED", Path(__file__).parents[3] / "shared"))
FULL = SHARED / "data" / "grafana" / "rfmoz+grafana-dashboards" / "prometheus" / "node-exporter-full.json"
SMALL = {
    "title": "Small",
    "uid": "small",
    "templating": {
        "list": [
            {
                "name": "mode",
                "type": "query",
                "multi": True,
                "query": "label_values(node_cpu_seconds_total, mode)",
            }
        ]
    },
    "panels": [
        {
            "type": kind,
            "title": kind,
            "gridPos": {"x": i % 3 * 8, "y": i // 3 * 8, "w": 8, "h": 8},
            "targets": [{"refId": "A", "expr": expr, "legendFormat": "{{mode}}", "format": shape}],
            "options": {"content": "**bold** <script>alert(1)</script>"},
        }
        for i, (kind, expr, shape) in enumerate(
            (
                (
                    "timeseries",
                    'sum by (mode) (rate(node_cpu_seconds_total{mode=~"$mode"}[1m]))',
                    "time_series",
                ),
                ("stat", "node_load1", "time_series"),
                ("gauge", "node_load1", "time_series"),
                ("bargauge", "sum by (mode) (node_cpu_seconds_total)", "time_series"),
                ("table", "node_cpu_seconds_total", "table"),
                ("piechart", "sum by (mode) (node_cpu_seconds_total)", "time_series"),
                ("state-timeline", "up", "time_series"),
                ("histogram", "node_load1", "time_series"),
                ("heatmap", "sum by (mode) (node_cpu_seconds_total)", "time_series"),
                ("text", "", "time_series"),
            )
        )
    ],
}


def failed(visit: Visit) -> list[str]:
    return visit.page.eval_on_selector_all(
        ".board-canvas[data-failed]", "all => all.map(one => one.dataset.failed)"
    )


def test_a_file_of_grafana_is_imported_and_every_kind_of_panel_is_drawn(visit: Visit) -> None:
    page = visit.open("/ui/dashboards?from=now-5m")
    file = {"name": "small.json", "mimeType": "application/json", "buffer": json.dumps(SMALL).encode()}
    page.set_input_files("#boards-import input", [file])
    expect(page.get_by_text("has 10 of 10 panels")).to_be_visible()
    page.get_by_role("link", name="Small").last.click()

    expect(page.locator('.board-canvas[data-series]:not([data-series="0"])')).to_have_count(9)
    expect(page.locator(".board-text strong")).to_have_text("bold")
    expect(page.locator(".board-text script")).to_have_count(0)
    assert failed(visit) == []


def test_a_variable_narrows_the_panels_and_stands_in_the_url(visit: Visit) -> None:
    page = visit.open("/ui/dashboards/node?from=now-5m")
    expect(page.locator(".board-canvas").first).to_have_attribute("data-series", "1")

    page.get_by_role("combobox", name="node").or_(page.get_by_label("node", exact=True)).first.click()
    page.get_by_role("option", name="here").click()

    expect(page).to_have_url(re.compile("var-node=here"))
    expect(page.locator(".board-canvas").first).to_have_attribute("data-series", "1")
    assert failed(visit) == []


@pytest.mark.skipif(not FULL.exists(), reason="the corpus of dashboards is not here (SWELL_SHARED)")
def test_node_exporter_full_draws_this_machine(visit: Visit) -> None:
    page = visit.open("/ui/dashboards?from=now-5m")
    page.set_input_files("#boards-import input", str(FULL))
    page.get_by_role("link", name="Node Exporter Full").last.click()

    expect(page.get_by_role("heading", name="Node Exporter Full")).to_be_visible()
    expect(page.locator('.board-canvas[data-series]:not([data-series="0"])')).not_to_have_count(0)
    drawn = "document.querySelectorAll('.board-canvas[data-series]:not([data-series=\"0\"])').length"
    page.wait_for_function(f"() => {drawn} >= 8", timeout=60_000)
    assert failed(visit) == []


def test_a_dashboard_that_is_not_there_says_so(visit: Visit) -> None:
    page = visit.open("/ui/dashboards/nobody")

    expect(page.get_by_text("there is no dashboard 'nobody'")).to_be_visible()
