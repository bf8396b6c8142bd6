"""The fault proxy: it passes everything on, until it is told to be slow, silent, to tear down or to cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from orchestrator.embedded.ports import LOOPBACK, choose_port
from tests.crash.proxy import Proxy, is_commit, is_produce

COMMIT = b"Q\0\0\0\x0cCOMMIT;\0"
SOON_S = 0.2


@asynccontextmanager
async def echoing() -> AsyncIterator[tuple[Proxy, list[bytes]]]:
    """A proxy in front of a server that says everything back, and what the server got to hear."""
    heard: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1000):
                heard.append(data)
                writer.write(data)
        await shut(writer)

    server = await asyncio.start_server(echo, LOOPBACK, 0)
    port: int = server.sockets[0].getsockname()[1]
    proxy = Proxy(choose_port(), port, is_commit)
    await proxy.start()
    try:
        yield proxy, heard
    finally:
        await proxy.stop()
        server.close()
        await server.wait_closed()


async def shut(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def said(proxy: Proxy, data: bytes) -> bytes:
    """What a client hears back on a connection of its own; nothing if it was torn down."""
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    try:
        writer.write(data)
        return await reader.read(1000)
    except ConnectionError:
        return b""
    finally:
        await shut(writer)


async def test_it_passes_everything_on() -> None:
    async with echoing() as (proxy, _):
        assert await said(proxy, COMMIT) == COMMIT


async def test_a_commit_that_is_cut_has_happened_and_nobody_is_told() -> None:
    async with echoing() as (proxy, heard):
        proxy.cut = 1
        assert await said(proxy, b"select") == b"select"
        assert await said(proxy, COMMIT) == b""
        assert (heard, proxy.cuts) == ([b"select", COMMIT], 1)
        assert await said(proxy, COMMIT) == COMMIT


async def test_a_connection_that_met_the_silence_stays_mute_and_a_new_one_does_not() -> None:
    async with echoing() as (proxy, heard):
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"before")
        assert await reader.read(1000) == b"before"
        proxy.silence()
        writer.write(b"meanwhile")
        proxy.speak()
        assert await said(proxy, b"after") == b"after"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1000), SOON_S)
        assert heard == [b"before", b"after"]
        await shut(writer)


async def test_a_reset_ends_every_connection() -> None:
    async with echoing() as (proxy, _):
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"hello")
        assert await reader.read(1000) == b"hello"
        proxy.reset()
        with pytest.raises(ConnectionError):
            await reader.readexactly(1)
        await shut(writer)


def test_a_produce_request_is_told_from_others_by_its_key() -> None:
    assert is_produce(b"\0\0\0\x80" + b"\0\0" + bytes(100))
    assert not is_produce(b"\0\0\0\x80" + b"\0\x03" + bytes(100))
