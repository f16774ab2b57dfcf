"""The web application, on the FastAPI application that also serves the API.

Dash answers every GET that no route before it took, so unknown API paths are refused here first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
from dash import ClientsideFunction, Dash, Input, Output, State
from dash.development.base_component import Component
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from alerts.links import BASE
from dashboards import shell
from dashboards.api import create_router
from dashboards.headers import PageHeaders, policy
from dashboards.messages import empty
from dashboards.pages import alerts, board, boards, explore, overview, targets
from dashboards.services import Services
from dashboards.state import View
from dashboards.timerange import is_live, resolve_range
from storage.errors import InputError

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
_LAYOUTS: Final[Mapping[str, Callable[[View], Component]]] = {
    "": overview.layout,
    "explore": explore.layout,
    "alerts": alerts.layout,
    "targets": targets.layout,
    boards.PATH: boards.layout,
}
# Dash's own page, with a language for screen readers and without anything from elsewhere.
_INDEX: Final = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{%title%}</title>
{%favicon%}
{%css%}
</head>
<body>
{%app_entry%}
<footer>
{%config%}
{%scripts%}
{%renderer%}
</footer>
</body>
</html>
"""


def create_ui(api: FastAPI, services: Services) -> Dash:
    """Add the web pages below `/ui/` to `api`. Call it after every other route was added."""
    api.include_router(create_router(services.library))
    _refuse_unknown_paths(api)
    app = Dash(
        __name__,
        server=api,
        url_base_pathname=BASE,
        assets_folder=str(Path(__file__).parent / "assets"),
        title="Swell",
        update_title=None,
        index_string=_INDEX,
        serve_locally=True,
        suppress_callback_exceptions=True,
    )
    # No callback uses a websocket; without this every page opens one.
    app.backend.websocket_capability = False
    app.enable_dev_tools(debug=False, dev_tools_disable_version_check=True)
    app.layout = shell.layout
    _register_shell(app, services)
    for page in (overview, explore, alerts, boards, board, targets):
        page.register(app, services)
    told = cache(lambda: policy(app.csp_hashes()))
    api.add_middleware(PageHeaders, told=told)
    return app


async def warm_up(api: FastAPI, headers: Mapping[str, str] | None = None) -> None:
    """Ask for the first page once, which makes Dash finish its set-up; a deep link may then come first.

    headers: what lets the request in where a token is required.
    """
    transport = httpx.ASGITransport(app=api)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        (await client.get(BASE)).raise_for_status()


def window_of(view: View, now_ms: int) -> dict[str, Any]:
    """What the browser's charts need to know about a view: resolved times, query, variables, or an error."""
    try:
        found = resolve_range(view.start, view.end, now_ms)
    except InputError as error:
        return {"error": str(error)}
    matcher = 'instance!=""' if not view.node else f"instance={_quoted(view.node)}"
    return {
        "error": "",
        "start_ms": found.start_ms,
        "end_ms": found.end_ms,
        "live": view.refresh_s > 0 and is_live(view.end),
        "query": view.query,
        "variables": {"$node": matcher},
    }


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _register_shell(app: Dash, services: Services) -> None:
    async def show_page(pathname: str, search: str) -> Component:
        page = shell.page_of(pathname)
        folder, _, uid = page.partition("/")
        if folder == boards.PATH and uid:
            return board.layout(uid)
        build = _LAYOUTS.get(page)
        if build is None:
            return empty("No such page", f"There is nothing at {page!r}. The pages are linked above.")
        return build(View.parse(search))

    async def show_controls(pathname: str, search: str) -> tuple[list[Component], list[Component], int, bool]:
        page, view = shell.page_of(pathname), View.parse(search)
        error = window_of(view, services.now_ms())["error"]
        controls = shell.controls(page, view, error)
        return shell.navigation(page, view), controls, max(1, view.refresh_s) * 1000, not view.refresh_s

    async def show_window(search: str, _: int) -> dict[str, Any]:
        return window_of(View.parse(search), services.now_ms())

    app.callback(Output("page", "children"), Input("url", "pathname"), State("url", "search"))(show_page)
    app.callback(
        Output("navigation", "children"),
        Output("controls", "children"),
        Output("tick", "interval"),
        Output("tick", "disabled"),
        Input("url", "pathname"),
        Input("url", "search"),
    )(show_controls)
    app.callback(Output("window", "data"), Input("url", "search"), Input("tick", "n_intervals"))(show_window)
    app.clientside_callback(ClientsideFunction("swell", "title"), Input("navigation", "children"))
    app.clientside_callback(
        ClientsideFunction("swell", "refresh"), Output("drawn", "data"), Input("window", "data")
    )
    app.clientside_callback(
        ClientsideFunction("swell", "applyRange"),
        Output("range-apply", "n_clicks"),
        Input("range-apply", "n_clicks"),
        Input("range-from", "n_submit"),
        Input("range-to", "n_submit"),
        State("range-from", "value"),
        State("range-to", "value"),
        prevent_initial_call=True,
    )


def _refuse_unknown_paths(api: FastAPI) -> None:
    async def unknown(request: Request) -> Response:
        message = f"{request.method} {request.url.path} is not part of the API"
        return JSONResponse({"status": "error", "errorType": "not_found", "error": message}, 404)

    async def home(_: Request) -> Response:
        return RedirectResponse(BASE)

    api.add_route("/api/{rest:path}", unknown, methods=_METHODS)
    api.add_route("/-/{rest:path}", unknown, methods=_METHODS)
    api.add_route("/", home, methods=["GET", "HEAD"])
