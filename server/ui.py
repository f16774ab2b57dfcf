"""Hands the web pages what they show. Imported where they run: Dash takes a second to load."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from alerts.view import rules_view
from dashboards.app import create_ui, warm_up
from dashboards.library import Library
from dashboards.services import Services
from server.parts import Parts, own_url


def attach_ui(app: FastAPI, parts: Parts, token: str | None) -> Callable[[], Any]:
    """Add the pages, behind every other route; returns what warms them up."""
    alerting = parts.alerting

    def now_ms() -> int:
        return int(time.time() * 1000)

    create_ui(
        app,
        Services(
            instant=parts.engine.instant,
            range=parts.engine.range,
            rules=None if alerting is None else lambda: rules_view(alerting.evaluator),
            now_ms=now_ms,
            ingest_url=own_url(parts.settings),
            catalogue=parts.catalogue,
            library=Library(parts.storage, now_ms),
        ),
    )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return lambda: warm_up(app, headers)
