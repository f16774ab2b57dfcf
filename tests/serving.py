"""An application on a port of its own, in a thread."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from tests.peers import free_port, listens, wait_until


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Gives the URL; the server is stopped in the end."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(asyncio.run, server.serve())
        try:
            wait_until(lambda: listens(port), "the application")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            running.result()
