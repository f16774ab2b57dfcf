"""The page of targets, in both themes."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_collector_of_this_process_lists_what_it_reads(visit: Visit, theme: str) -> None:
    visit.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page = visit.open("/ui/targets?refresh=5")

    expect(page.get_by_role("heading", name="here")).to_be_visible()
    row = page.locator("tr", has=page.get_by_role("rowheader", name=re.compile("^node")))
    expect(row.locator(".dot-up")).to_be_visible()
    expect(row).to_contain_text("ago")
    expect(page.get_by_text("Targets up")).to_be_visible()
    expect(page).to_have_title("Targets · Swell")


def test_a_phone_shows_it_without_scrolling_sideways(visit: Visit) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 844})
    page = visit.open("/ui/targets")

    expect(page.get_by_role("heading", name="here")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
