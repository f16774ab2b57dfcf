"""Dashboards are kept with every version, and served as documents."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dashboards.api import create_router
from dashboards.documents.model import Dashboard, Panel, Query
from dashboards.documents.text import parse, to_yaml
from dashboards.library import Library, builtin
from storage.errors import ConflictError, InputError
from storage.memory import MemoryStorage

MINE = Dashboard("mine", "Mine", panels=[Panel("stat", "Up", queries=[Query("sum(up)")])])


def library() -> Library:
    return Library(MemoryStorage(), lambda: 5)


def test_what_is_brought_along_is_listed_and_valid() -> None:
    found = library().every()

    assert {kept.dashboard.uid for kept in found} == set(builtin())
    assert all(kept.is_builtin for kept in found)
    for dashboard in builtin().values():
        assert parse(to_yaml(dashboard)) == dashboard


def test_every_save_is_a_version_and_the_newest_is_read() -> None:
    shelf = library()
    shelf.save(MINE, None, "ada")
    shelf.save(Dashboard("mine", "Renamed"), 1, "bob")

    assert shelf.get("mine").dashboard.title == "Renamed"
    assert shelf.get("mine", 1).dashboard == MINE
    assert [(one.version, one.author) for one in shelf.versions("mine")] == [(2, "bob"), (1, "ada")]


def test_a_change_to_an_old_version_is_refused() -> None:
    shelf = library()
    shelf.save(MINE, None)
    shelf.save(MINE, 1)

    with pytest.raises(ConflictError, match="has version 2 by now, this change was made to 1"):
        shelf.save(MINE, 1)


def test_a_changed_built_in_one_is_back_once_the_change_is_deleted() -> None:
    shelf = library()
    shelf.save(Dashboard("node", "Other"), 0)
    assert shelf.get("node").dashboard.title == "Other"

    shelf.delete("node")

    assert shelf.get("node").is_builtin
    with pytest.raises(InputError, match="there is no dashboard 'node' in the store"):
        shelf.delete("node")


def ask(*requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
    async def story() -> list[httpx.Response]:
        api = FastAPI()
        api.include_router(create_router(library()))
        transport = httpx.ASGITransport(app=api)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [
                await client.request(method, f"/api/v1/dashboards{path}", **more)
                for method, path, more in requests
            ]

    return asyncio.run(story())


def test_a_document_goes_in_and_comes_out_in_each_form() -> None:
    put, as_yaml, as_grafana, listed = ask(
        ("PUT", "/mine", {"content": to_yaml(MINE)}),
        ("GET", "/mine?format=yaml", {}),
        ("GET", "/mine?format=grafana", {}),
        ("GET", "", {}),
    )

    assert put.json()["data"]["version"] == 1
    assert parse(as_yaml.text) == MINE
    assert (as_yaml.headers["etag"], as_grafana.json()["panels"][0]["type"]) == ('"1"', "stat")
    assert "mine" in [row["uid"] for row in listed.json()["data"]]


def test_a_file_of_grafana_is_taken_with_a_report() -> None:
    (answer,) = ask(("POST", "/import", {"content": b'{"title": "A b", "panels": [{"type": "geomap"}]}'}))

    data = answer.json()["data"]
    assert (data["uid"], data["report"]["panels"], data["report"]["supported"]) == ("A-b", 1, 0)
    assert data["report"]["notes"][0]["effect"] == "left out"


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (("GET", "/nobody", {}), 404, "there is no dashboard 'nobody'"),
        (("PUT", "/x", {"content": to_yaml(MINE)}), 400, "the document has 'mine', the address 'x'"),
        (("PUT", "/x", {"content": "uid: x\ntitle: 1"}), 400, "Expected `str`, got `int` - at `$.title`"),
        (("PUT", "/x", {"content": "uid: x\ntitle: a\ncolor: b"}), 400, "unknown field `color`"),
        (("PUT", "/x", {"content": "a: ["}), 400, "not YAML"),
        (
            ("PUT", "/mine", {"content": to_yaml(MINE), "headers": {"If-Match": '"3"'}}),
            409,
            "version 0 by now",
        ),
        (("GET", "/node?format=pdf", {}), 400, "expected json, yaml or grafana"),
        (("POST", "/import", {"content": b"{"}), 400, "not JSON"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_what_is_wrong_is_named(request_: Any, status: int, reason: str) -> None:
    (answer,) = ask(request_)

    assert (answer.status_code, reason in answer.json()["error"]) == (status, True), answer.json()
