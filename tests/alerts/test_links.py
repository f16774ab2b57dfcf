import pytest

from alerts.links import explore_url
from dashboards.shell import href
from dashboards.state import View

EXPRESSION = 'sum by (a) (rate(m{b=~"c&d+e"}[5m])) > 0 # %'


@pytest.mark.parametrize("external_url", ["http://swell", "http://swell/"])
def test_a_link_to_an_expression_is_the_page_that_shows_it(external_url: str) -> None:
    url = explore_url(external_url, EXPRESSION)

    assert url == "http://swell" + href("explore", View(query=EXPRESSION))
    assert View.parse(url.partition("?")[2]).query == EXPRESSION


def test_without_an_external_url_there_is_no_link() -> None:
    assert explore_url("", EXPRESSION) == ""
