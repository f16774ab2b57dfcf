import json
import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.links import explore_url
from tests.browser.conftest import Visit, start
from tests.dashboards.test_units import unit_cases

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DRAWN = '.panel-canvas[data-series]:not([data-series="0"])'
OVERVIEW_PANELS = 6


def series_of(page: Page, panel: str) -> int:
    return int(page.locator(panel).get_attribute("data-series") or 0)


def test_the_overview_shows_this_node_and_its_charts(visit: Visit) -> None:
    page = visit.open("/ui/")

    expect(page.get_by_text("1 of 1")).to_be_visible()
    expect(page.locator("tr", has=page.get_by_role("link", name="here"))).to_be_visible()
    expect(page.locator(DRAWN)).to_have_count(OVERVIEW_PANELS)


def test_charts_draw_again_as_time_goes_on(visit: Visit) -> None:
    page = visit.open("/ui/?refresh=5&from=now-5m")
    expect(page.locator(DRAWN)).to_have_count(OVERVIEW_PANELS)
    before = page.locator("#overview-0").get_attribute("data-drawn-at")

    page.wait_for_function(
        "before => document.getElementById('overview-0').dataset.drawnAt > before", arg=before, timeout=20_000
    )


def test_explore_runs_a_query_with_shift_enter_and_keeps_it_in_the_url(visit: Visit) -> None:
    page = visit.open("/ui/explore?from=now-5m")
    page.get_by_label("PromQL query").fill("node_load1")
    page.keyboard.press("Shift+Enter")

    expect(page.locator("#explore-panel")).to_have_attribute("data-series", "1")
    expect(page.locator(".legend")).to_contain_text('instance="here"')
    expect(page).to_have_url(re.compile("q=node_load1"))


def test_explore_shows_an_instant_answer_as_a_table(visit: Visit) -> None:
    page = visit.open("/ui/explore?q=node_load1&tab=table")

    expect(page.locator("#table td", has_text="here").first).to_be_visible()
    expect(page.locator("#table")).to_contain_text("samples of 1 series read")
    expect(page).to_have_title("Explore · Swell")


@pytest.mark.parametrize("tab", ["graph", "table"])
def test_explore_shows_an_error_at_its_place_in_the_query(visit: Visit, tab: str) -> None:
    page = visit.open(f"/ui/explore?q=sum(node_load1))&tab={tab}")

    expect(page.get_by_role("alert")).to_contain_text("1:17")
    expect(page.locator("mark")).to_have_text(")")
    visit.errors[:] = [error for error in visit.errors if "400" not in error]


def test_a_query_without_series_says_so(visit: Visit) -> None:
    page = visit.open("/ui/explore?q=no_such_metric")

    expect(page.get_by_text("No data in this range")).to_be_visible()
    expect(page.get_by_text("Nobody has sent a metric named no_such_metric.")).to_be_visible()


def test_a_click_on_the_legend_isolates_a_series_and_a_second_shows_all(visit: Visit) -> None:
    page = visit.open("/ui/explore?from=now-5m&q=sum by (mode) (rate(node_cpu_seconds_total[1m]))")
    idle = page.locator(".legend button", has_text='mode="idle"')
    idle.click()

    expect(page.locator(".legend tr:not(.is-hidden) .series-name")).to_have_text(['{mode="idle"}'])
    page.locator(".legend button", has_text='mode="idle"').click()
    expect(page.locator(".legend tr.is-hidden")).to_have_count(0)


def test_a_drag_over_a_chart_zooms_into_absolute_times_and_back_leaves_them(visit: Visit) -> None:
    page = visit.open("/ui/explore?from=now-5m&q=node_load1")
    expect(page.locator("#explore-panel")).to_have_attribute("data-series", "1")
    box = page.locator("#explore-panel .u-over, #explore-panel .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60, steps=5)
    page.mouse.up()

    expect(page).to_have_url(re.compile(r"from=\d{13}&.*to=\d{13}|from=\d{13}.*to=\d{13}"))
    page.go_back()
    expect(page).to_have_url(re.compile("from=now-5m"))


def test_a_preset_changes_the_range_and_the_url(visit: Visit) -> None:
    page = visit.open("/ui/")
    page.get_by_role("button", name="Last 1 hour").click()
    page.get_by_role("link", name="Last 6 hours").click()

    expect(page.get_by_role("button", name="Last 6 hours")).to_be_visible()
    expect(page).to_have_url(re.compile("from=now-6h"))


def test_a_wrong_time_is_said_beside_it(visit: Visit) -> None:
    page = visit.open("/ui/")
    page.get_by_role("button", name="Last 1 hour").click()
    page.get_by_label("From").fill("yesterday")
    page.get_by_role("button", name="Apply").click()

    expect(page.locator("#status")).to_contain_text("'yesterday' is not a time")


def test_the_alerts_page_lists_the_firing_alert_and_opens_its_expression(visit: Visit) -> None:
    page = visit.open("/ui/alerts")

    expect(page.locator(".badge-firing").first).to_be_visible()
    expect(page.get_by_text("The pipeline works")).to_be_visible()
    page.get_by_role("link", name="vector(1)").click()
    expect(page).to_have_url(re.compile("explore.*q=vector"))
    expect(page.get_by_label("PromQL query")).to_have_value("vector(1)")


def test_the_link_of_an_alert_shows_its_expression_and_its_chart(visit: Visit) -> None:
    expression = 'node_load1{instance=~"h.+"} > 0'
    page = visit.open(explore_url("http://swell/", expression).removeprefix("http://swell"))

    expect(page.get_by_label("PromQL query")).to_have_value(expression)
    expect(page.locator("#explore-panel")).to_have_attribute("data-series", "1")


@pytest.mark.parametrize(
    ("typed", "keys", "text"),
    [
        ("node_load1", ["ArrowDown", "Enter"], "node_load15"),
        ("node_cpu_seconds_total{mo", ["ArrowDown", "Tab"], "node_cpu_seconds_total{mode"),
        ('node_cpu_seconds_total{mode="id', ["ArrowDown", "Enter"], 'node_cpu_seconds_total{mode="idle'),
        ("sum by (mountp", ["ArrowUp", "Enter"], "sum by (mountpoint"),
        ("node_load1", ["Escape"], "node_load1"),
    ],
)
def test_the_query_box_completes_what_is_typed(
    visit: Visit, typed: str, keys: Sequence[str], text: str
) -> None:
    page = visit.open("/ui/explore")
    page.get_by_label("PromQL query").press_sequentially(typed)
    expect(page.get_by_role("option").first).to_be_visible()
    for key in keys:
        page.keyboard.press(key)

    expect(page.get_by_label("PromQL query")).to_have_value(text)
    expect(page.get_by_role("option")).to_have_count(0)


def test_a_completed_query_runs(visit: Visit) -> None:
    page = visit.open("/ui/explore?from=now-5m")
    page.get_by_label("PromQL query").press_sequentially("node_load1")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Enter")

    expect(page).to_have_url(re.compile("q=node_load15"))
    expect(page.locator("#explore-panel")).to_have_attribute("data-series", "1")


def test_a_query_is_drawn_in_the_unit_of_its_metric(visit: Visit) -> None:
    cases = {
        "node_filesystem_avail_bytes": "bytes",
        "sum by (device) (rate(node_network_receive_bytes_total[5m]))": "bytes_per_s",
        "rate(node_cpu_seconds_total[5m])": "none",
        "a_bytes / b_bytes": "none",
        "count(a_bytes)": "none",
        "node_boot_time_seconds": "none",
        "histogram_quantile(0.9, sum by (le) (rate(http_seconds_bucket[5m])))": "seconds",
        'up{path="/x_bytes"}': "none",
    }
    page = visit.open("/ui/explore?q=node_memory_MemAvailable_bytes")

    expect(page.locator(".legend td.number").last).to_have_text(re.compile("[KMGT]iB"))
    assert page.evaluate("cases => cases.map(swell.unitOf)", list(cases)) == list(cases.values())


def test_the_legend_names_only_what_tells_series_apart(visit: Visit) -> None:
    page = visit.open("/ui/explore?q=node_cpu_seconds_total{cpu='0'}")

    expect(page.locator(".series-name", has_text="idle")).to_have_text('{mode="idle"}')
    expect(page.locator(".panel-foot")).to_contain_text('all: node_cpu_seconds_total{cpu="0"')


@pytest.mark.parametrize("path", ["/ui/", "/ui/explore?q=node_load1", "/ui/alerts"])
def test_a_phone_shows_a_page_without_scrolling_sideways(visit: Visit, path: str) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 844})
    page = visit.open(path)

    expect(page.get_by_role("button", name=re.compile("^Every"))).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("link", name="Alerts", exact=True)).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_theme_is_switched_and_remembered(visit: Visit) -> None:
    page = visit.open("/ui/")
    root = page.locator("html")
    expect(root).to_have_attribute("data-mantine-color-scheme", "light")
    page.get_by_label("Switch between light and dark").click()
    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")
    page.reload()

    expect(root).to_have_attribute("data-mantine-color-scheme", "dark")


def test_queries_that_were_run_are_kept_over_a_reload(visit: Visit) -> None:
    page = visit.open("/ui/explore")
    page.get_by_label("PromQL query").fill("up")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#explore-panel")).to_have_attribute("data-series", re.compile("[1-9]"))
    page.goto(visit.base + "/ui/explore")
    page.get_by_role("button", name="History").click()

    expect(page.get_by_role("menuitem", name="up", exact=True)).to_be_visible()


def test_the_browser_formats_numbers_as_the_server_does(visit: Visit) -> None:
    page = visit.open("/ui/")
    cases = [(repr(value), unit) for value, unit, _ in unit_cases()]
    found = page.evaluate(
        "cases => cases.map(([value, unit]) => "
        "swell.format(Number({nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity'}[value] || value), unit))",
        cases,
    )

    assert found == [text for _, _, text in unit_cases()], json.dumps(found)


def test_a_deep_link_right_after_a_cold_start_works(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    swell = start(tmp_path_factory.mktemp("cold"))
    context = browser.new_context(viewport={"width": 1024, "height": 700})
    visit = Visit(context.new_page(), swell.url)
    visit.watch()
    try:
        visit.open("/ui/explore?q=vector(1)")
        expect(visit.page.locator("#explore-panel")).to_have_attribute("data-series", "1")
        assert visit.errors == []
    finally:
        context.close()
        swell.stop()
