"""The routes around Dash, asked as a client would."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI

from dashboards.app import create_ui, warm_up
from tests.dashboards.test_pages import services


def ask(path: str, method: str = "GET") -> httpx.Response:
    async def story() -> httpx.Response:
        api = FastAPI()
        api.add_api_route("/api/v1/query", lambda: {"status": "success"})
        create_ui(api, services())
        transport = httpx.ASGITransport(app=api)
        await warm_up(api)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path)

    return asyncio.run(story())


@pytest.mark.parametrize("path", ["/api/v1/typo", "/api/", "/-/typo"])
def test_an_unknown_path_of_the_api_is_404_json(path: str) -> None:
    answer = ask(path)

    assert answer.status_code == 404
    assert answer.json()["errorType"] == "not_found"


def test_known_routes_still_answer() -> None:
    assert ask("/api/v1/query").json() == {"status": "success"}


def test_the_root_leads_to_the_pages() -> None:
    answer = ask("/")

    assert (answer.status_code, answer.headers["location"]) == (307, "/ui/")


def test_the_page_is_served_without_anything_from_elsewhere() -> None:
    answer = ask("/ui/")

    assert answer.status_code == 200
    assert "https://" not in answer.text
    assert "panel.js" in answer.text


def test_warming_up_carries_the_headers_that_a_token_needs() -> None:
    seen: list[Mapping[str, str]] = []

    async def story() -> None:
        api = FastAPI()

        @api.get("/ui/")
        async def page() -> str:
            return ""

        @api.middleware("http")
        async def note(request, call_next):  # type: ignore[no-untyped-def]
            seen.append(dict(request.headers))
            return await call_next(request)

        await warm_up(api, {"authorization": "Bearer x"})

    asyncio.run(story())

    assert seen[0]["authorization"] == "Bearer x"


def test_pages_may_load_nothing_from_elsewhere() -> None:
    page, api = ask("/ui/"), ask("/api/v1/query")

    told = page.headers["content-security-policy"]
    assert "default-src 'self'" in told
    assert "'unsafe-eval'" not in told
    assert "script-src 'self' 'sha256-" in told
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "content-security-policy" not in api.headers
