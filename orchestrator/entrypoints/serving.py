"""Serving over HTTP with uvicorn, inside a process that has its own way of stopping."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

GRACE_S = 5


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: it has other roles to stop too."""
        yield


async def serve(application: ASGIApp, *, host: str, port: int, stopping: asyncio.Event) -> None:
    """Serve until *stopping* is set; requests that are being answered are finished, for a while."""
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http="httptools",  # in C: reading a request in Python costs a millisecond
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    watch = asyncio.create_task(stopping.wait())
    await asyncio.wait([serving, watch], return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    await serving
    watch.cancel()
