"""A TCP proxy that misbehaves on demand: slow, silent, torn down, or cut between a request and its answer."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from struct import pack
from typing import Final

from orchestrator.embedded.ports import LOOPBACK

CHUNK: Final = 256 * 1024
AT_ONCE: Final = pack("ii", 1, 0)
"""For SO_LINGER: a close sends no goodbye, but a reset."""

Recognised = Callable[[bytes], bool]


def is_commit(data: bytes) -> bool:
    """Whether a client says COMMIT to PostgreSQL, in a simple query."""
    return data.endswith(b"COMMIT;\0") and data[:1] == b"Q"


def is_produce(data: bytes) -> bool:
    """Whether a client sends records to Kafka: the request's key stands behind its length."""
    return data[4:6] == b"\0\0" and len(data) > 64


@dataclass(slots=True, eq=False)
class Link:
    """One connection of a client and the one behind it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    dead: bool = False  # nothing passes any more, ever
    unanswered: bool = False  # the next answer tears it down

    def abort(self) -> None:
        """Tear both down with a reset: who waits for an answer is told at once, and not that it was the end."""
        for writer in (self.client, self.server):
            _reset(writer)


@dataclass(slots=True)
class Proxy:
    """Passes everything on from *port* to *upstream* until told otherwise."""

    port: int
    upstream: int
    is_request: Recognised
    delay_s: float = 0.0
    cut: int = 0  # how many requests will lose their answer
    cuts: int = 0  # how many have
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _links: set[Link] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _stopped: bool = False
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def start(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port, limit=CHUNK)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._stopped = True
        self._open.set()
        self.reset()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Tear every connection down, both ways."""
        for link in list(self._links):
            link.abort()

    def silence(self) -> None:
        """From now on nothing passes. Connections are still taken, and never answered."""
        self._open.clear()

    def speak(self) -> None:
        """New connections work again. Those that met the silence stay mute: a firewall forgot them."""
        for link in self._links:
            link.dead = True
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await self._open.wait()
        try:
            upstream, server = await asyncio.open_connection(LOOPBACK, self.upstream, limit=CHUNK)
        except OSError:
            _reset(writer)
            return
        link = Link(writer, server)
        self._links.add(link)
        if self._stopped:
            link.abort()
        try:
            with suppress(ConnectionError):
                await asyncio.gather(self._out(link, reader), self._back(link, upstream))
        finally:
            self._links.discard(link)
            link.abort()

    async def _out(self, link: Link, reader: asyncio.StreamReader) -> None:
        while data := await self._next(link, reader):
            if self.cut and self.is_request(data):
                self.cut -= 1
                link.unanswered = True
            await _pass(link.server, data)
        link.abort()

    async def _back(self, link: Link, reader: asyncio.StreamReader) -> None:
        while data := await self._next(link, reader):
            if link.unanswered:
                self.cuts += 1
                break
            await _pass(link.client, data)
        link.abort()

    async def _next(self, link: Link, reader: asyncio.StreamReader) -> bytes:
        """The next bytes, when they may pass; none at the end, or if they never may."""
        data = await reader.read(CHUNK)
        if self.delay_s and data:
            await asyncio.sleep(self.delay_s)
        await self._open.wait()
        while link.dead and data:
            data = await reader.read(CHUNK)
        return data


def _reset(writer: asyncio.StreamWriter) -> None:
    socket = writer.get_extra_info("socket")
    if socket is not None and socket.fileno() >= 0:
        socket.setsockopt(SOL_SOCKET, SO_LINGER, AT_ONCE)
    writer.transport.abort()


async def _pass(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
