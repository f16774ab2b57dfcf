"""The HTTP API of dashboards as documents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import orjson
from fastapi import APIRouter, Request, Response

from dashboards.documents.text import json_schema, parse, to_json, to_yaml
from dashboards.grafana.exporter import export_grafana
from dashboards.grafana.importer import import_grafana
from dashboards.library import Kept, Library
from storage.errors import ConflictError, Error, InputError, OverloadedError, UnavailableError

Answering = Callable[[Request], Awaitable[Response]]


def create_router(library: Library) -> APIRouter:
    """`/api/v1/dashboards`: list, read, write, versions, import from Grafana and export to it."""
    router = APIRouter(prefix="/api/v1/dashboards")

    async def listed(_: Request) -> Response:
        return _success([_row(kept) for kept in await asyncio.to_thread(library.every)])

    async def read(request: Request) -> Response:
        asked = request.query_params
        version = _version(asked.get("version", ""))
        kept = await asyncio.to_thread(library.get, request.path_params["uid"], version)
        return _document(kept, asked.get("format", "json"))

    async def write(request: Request) -> Response:
        dashboard = parse((await request.body()).decode(errors="replace"))
        if dashboard.uid != request.path_params["uid"]:
            raise InputError(
                f"uid: the document has {dashboard.uid!r}, the address {request.path_params['uid']!r}"
            )
        seen = _version(request.headers.get("if-match", "").strip('"'))
        return _success(_row(await asyncio.to_thread(library.save, dashboard, seen, _author(request))))

    async def delete(request: Request) -> Response:
        await asyncio.to_thread(library.delete, request.path_params["uid"], _author(request))
        return _success({})

    async def versions(request: Request) -> Response:
        found = await asyncio.to_thread(library.versions, request.path_params["uid"])
        keys = ("version", "author", "written_ms", "is_deleted")
        return _success([{key: getattr(one, key) for key in keys} for one in found])

    async def take(request: Request) -> Response:
        imported = import_grafana(await request.body())
        found: dict[str, Any] = {"report": msgspec.to_builtins(imported.report)}
        if request.query_params.get("save", "true") == "true":
            kept = await asyncio.to_thread(library.save, imported.dashboard, None, _author(request))
            return _success(found | _row(kept))
        return _success(found | {"dashboard": msgspec.to_builtins(imported.dashboard)})

    async def schema(_: Request) -> Response:
        return Response(orjson.dumps(json_schema()), media_type="application/schema+json")

    routes: tuple[tuple[str, Answering, str], ...] = (
        ("", listed, "GET"),
        ("/schema", schema, "GET"),
        ("/import", take, "POST"),
        ("/{uid}", read, "GET"),
        ("/{uid}", write, "PUT"),
        ("/{uid}", delete, "DELETE"),
        ("/{uid}/versions", versions, "GET"),
    )
    for path, answer, method in routes:
        router.add_api_route(path, _guarded(answer), methods=[method])
    return router


def _guarded(answer: Answering) -> Answering:
    async def guarded(request: Request) -> Response:
        try:
            return await answer(request)
        except ConflictError as error:
            return _failure(error, 409, "conflict")
        except InputError as error:
            return _failure(error, 404 if "there is no dashboard" in str(error) else 400, "bad_data")
        except (UnavailableError, OverloadedError) as error:
            return _failure(error, 503, "unavailable")
        except Error as error:
            return _failure(error, 500, "internal")

    return guarded


def _document(kept: Kept, form: str) -> Response:
    name, tag = kept.dashboard.uid, {"ETag": f'"{kept.version}"'}
    if form == "yaml":
        shown = {"Content-Disposition": f'attachment; filename="{name}.yaml"'}
        return Response(to_yaml(kept.dashboard), media_type="application/yaml", headers=tag | shown)
    if form == "grafana":
        shown = {"Content-Disposition": f'attachment; filename="{name}.json"'}
        raw = orjson.dumps(export_grafana(kept.dashboard), option=orjson.OPT_INDENT_2)
        return Response(raw, media_type="application/json", headers=tag | shown)
    if form != "json":
        raise InputError(f"format: {form!r} is not known, expected json, yaml or grafana")
    return Response(to_json(kept.dashboard), media_type="application/json", headers=tag)


def _row(kept: Kept) -> dict[str, Any]:
    dashboard = kept.dashboard
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": dashboard.tags,
        "version": kept.version,
        "author": kept.author,
        "written_ms": kept.written_ms,
        "builtin": kept.is_builtin,
    }


def _version(text: str) -> int | None:
    if not text or text == "*":
        return None
    if not text.isdecimal():
        raise InputError(f"version: {text!r} is not a whole number")
    return int(text)


def _author(request: Request) -> str:
    return request.headers.get("x-swell-author", "")[:100]


def _success(data: Any) -> Response:
    return Response(orjson.dumps({"status": "success", "data": data}), media_type="application/json")


def _failure(error: Error, status: int, kind: str) -> Response:
    body = {"status": "error", "errorType": kind, "error": str(error)}
    return Response(orjson.dumps(body), status, media_type="application/json")
