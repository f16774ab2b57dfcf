"""JSON over HTTP to a receiver: the one place that decides which failures are worth another try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
import orjson

from alerts.notify import DeliveryError

_TIMEOUT_S: Final = 10.0
_SHOWN: Final = 200
_TRY_AGAIN: Final = frozenset({408, 425, 429})


class Poster:
    """Posts to one URL, which never shows in a message: chat services put their secret into it."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._client = httpx.Client(
            timeout=_TIMEOUT_S, headers={"content-type": "application/json", **(headers or {})}
        )

    def post(self, content: Any) -> None:
        """Post once. Raises `DeliveryError`."""
        try:
            answer = self._client.post(self._url, content=orjson.dumps(content))
        except httpx.HTTPError as error:
            raise DeliveryError(f"cannot be reached: {type(error).__name__}") from None
        if answer.is_success:
            return
        is_final = answer.status_code < 500 and answer.status_code not in _TRY_AGAIN
        raise DeliveryError(f"answered {answer.status_code}: {answer.text[:_SHOWN]}", is_final)

    def close(self) -> None:
        """Release connections."""
        self._client.close()
