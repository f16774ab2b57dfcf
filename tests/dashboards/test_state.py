import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.app import window_of
from dashboards.shell import href, page_of
from dashboards.state import REFRESH_S, TABS, View

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VIEWS = st.builds(
    View,
    query=TEXT,
    start=TEXT,
    end=TEXT,
    refresh_s=st.sampled_from(REFRESH_S),
    node=TEXT,
    tab=st.sampled_from(TABS),
)


@given(VIEWS)
def test_a_view_survives_the_url(view: View) -> None:
    assert View.parse(view.search()) == view


def test_defaults_stay_out_of_the_url() -> None:
    assert View().search() == ""
    assert href("explore", View(query="up")) == "/ui/explore?q=up"


@given(st.text(max_size=60))
def test_any_query_string_is_a_view(search: str) -> None:
    view = View.parse(search)

    assert view.refresh_s in REFRESH_S
    assert view.tab in TABS


@pytest.mark.parametrize("search", [None, "", "?refresh=7", "?refresh=x&tab=pie", "?unknown=1"])
def test_what_is_not_offered_is_ignored(search: str | None) -> None:
    assert View.parse(search) == View()


def test_a_window_holds_resolved_times_and_the_matcher_of_the_node() -> None:
    window = window_of(View(start="now-1h", node='a"b\\c'), now_ms=7_200_000)

    assert (window["start_ms"], window["end_ms"]) == (3_600_000, 7_200_000)
    assert window["variables"] == {"$node": 'instance="a\\"b\\\\c"'}
    assert window["live"]


def test_a_window_of_a_wrong_range_names_the_error_and_nothing_else() -> None:
    window = window_of(View(start="yesterday"), now_ms=0)

    assert list(window) == ["error"]
    assert "'yesterday' is not a time" in window["error"]


@pytest.mark.parametrize(
    ("pathname", "page"),
    [("/ui/", ""), ("/ui", ""), (None, ""), ("/ui/explore", "explore"), ("/ui/alerts/", "alerts")],
)
def test_a_path_names_its_page(pathname: str | None, page: str) -> None:
    assert page_of(pathname) == page
