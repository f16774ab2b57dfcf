"""A Swell to be killed: the write and the read path behind HTTP, without web pages and rules.

It starts in a fraction of the time of a whole one, which makes a thousand kills possible.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn
from fastapi import APIRouter
from prometheus_client import CollectorRegistry

from ingest.api import create_router as ingest_router
from ingest.limits import Limits
from ingest.pipeline import Pipeline
from ingest.warm import warm_up
from query.api import create_router as query_router
from query.engine import Engine
from server.app import create_app
from storage.catalogue import Catalogue
from storage.clickhouse import ClickHouseStorage
from storage.embedded import open_embedded
from storage.server import open_server

_FLUSH_S = 0.2


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run. url: '' for the embedded store, else a ClickHouse. wal_dir: '' for one in `data_dir`."""

    data_dir: str
    port: int
    url: str = ""
    ingests: bool = True
    queries: bool = True
    wal_dir: str = ""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self)


def serve(spec: Spec) -> None:
    """Run until killed."""
    sys.setswitchinterval(0.001)
    storage = open_server(spec.url) if spec.url else open_embedded(Path(spec.data_dir) / "store")
    registry, executor = CollectorRegistry(), ThreadPoolExecutor(2)
    routers: list[APIRouter] = []
    if spec.ingests:
        pipeline = _pipeline(storage, Path(spec.wal_dir or f"{spec.data_dir}/wal"), registry)
        routers.append(ingest_router(pipeline, executor))
    if spec.queries:
        catalogue = Catalogue(storage)
        engine = Engine(storage, catalogue)
        routers.append(query_router(engine, catalogue, storage, time.time))
    app = create_app(routers, registry, lambda: True, None)
    uvicorn.run(app, host="127.0.0.1", port=spec.port, log_level="warning", access_log=False)


def _pipeline(storage: ClickHouseStorage, directory: Path, registry: CollectorRegistry) -> Pipeline:
    pipeline = Pipeline(storage, directory, Limits(), registry, flush_interval_s=_FLUSH_S)
    warm_up()
    pipeline.start()
    return pipeline
