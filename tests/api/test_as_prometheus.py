"""The same requests to Swell and to a real Prometheus: the answers are equal, refusals in kind."""

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.differential.prometheus import Prometheus

pytestmark = [pytest.mark.peers]

_CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
_ONLY_GET = ("label/", "alertmanagers", "metadata")


@pytest.mark.parametrize(("path", "parameters"), _CASES, ids=[json.dumps(case) for case in _CASES])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_is_that_of_prometheus(
    path: str, parameters: dict[str, Any], method: str, swell: httpx.Client, prometheus: Prometheus
) -> None:
    if method == "POST" and path.startswith(_ONLY_GET):
        return
    where = {"params": parameters} if method == "GET" else {"data": parameters}

    ours = swell.request(method, f"/api/v1/{path}", **where)
    theirs = prometheus.request(method, path, **where)

    assert ours.status_code == theirs.status_code, ours.text
    mine, other = ours.json(), theirs.json()
    if theirs.status_code != 200:
        assert mine["errorType"] == other["errorType"]
        assert mine["error"] and mine["status"] == "error"
    elif "limit" in parameters and isinstance(other["data"], list):
        # Which ones are left out is anybody's choice.
        assert (len(mine.pop("data")), mine) == (len(other.pop("data")), other)
    else:
        assert ours.headers["content-type"] == "application/json"
        assert _settled(mine) == _settled(other)


def _settled(value: Any) -> Any:
    """Without what need not agree: the order of series in an instant answer, digits beyond the ninth."""
    match value:
        case dict():
            return {key: _settled(one) for key, one in value.items() if key != "infos"}
        case list() if value and isinstance(value[0], dict):
            return sorted(map(_settled, value), key=lambda one: json.dumps(one, sort_keys=True))
        case list():
            return [_settled(one) for one in value]
        case str():
            return _number(value)
    return value


def _number(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:.9g}" if math.isfinite(number) else text
