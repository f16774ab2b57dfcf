"""With a token, nothing is answered without it."""

import asyncio
import base64

import httpx
import pytest
from fastapi import FastAPI

from server.auth import TokenMiddleware, new_token


def ask(header: str, path: str = "/openapi.json") -> httpx.Response:
    app = FastAPI()
    app.add_middleware(TokenMiddleware, token="s3cret")

    async def get() -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://swell"
        ) as client:
            return await client.get(path, headers={"Authorization": header} if header else {})

    return asyncio.run(get())


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"grafana:{password}".encode()).decode()


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer nope", "Basic !!!", basic("nope"), "Digest s3cret", "s3cret"]
)
def test_without_the_token_every_route_answers_401(header: str) -> None:
    answer = ask(header)

    assert answer.status_code == 401
    assert answer.json()["errorType"] == "unauthorized"


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer s3cret", basic("s3cret")])
def test_the_token_opens(header: str) -> None:
    assert ask(header).status_code == 200


@pytest.mark.parametrize(
    ("path", "is_open"),
    [
        ("/write?u=telegraf&p=s3cret", True),
        ("/influx/write?p=s3cret", True),
        ("/write?p=nope", False),
        ("/write?u=s3cret", False),
        ("/api/v1/query?p=s3cret", False),
    ],
)
def test_a_password_in_the_address_opens_the_path_of_influx_alone(path: str, is_open: bool) -> None:
    assert (ask("", path).status_code != 401) is is_open


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
def test_probes_need_no_token(path: str) -> None:
    assert ask("", path).status_code == 404  # this application has neither, but was asked


def test_tokens_are_long_and_differ() -> None:
    assert new_token() != new_token()
    assert len(new_token()) >= 43
