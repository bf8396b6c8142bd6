"""A reader whose client library has died: nobody says so, and only another client reads again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiokafka.client
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from contracts.bus.connection import Connection
from contracts.bus.reader import Backoff, Reader
from contracts.bus.sender import Sender
from orchestrator.embedded.ports import choose_port
from tests.crash.proxy import Proxy, is_produce
from tests.integration.bus.broker import a_reader
from tests.integration.bus.test_reader import Custodian, commands

MUTE_AFTER_S = 1.5


@pytest.fixture
def consumers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every consumer that was started, in order."""
    made: list[Any] = []
    start = AIOKafkaConsumer.start

    async def noted(self: AIOKafkaConsumer) -> None:
        made.append(self)
        await start(self)

    monkeypatch.setattr(AIOKafkaConsumer, "start", noted)
    return made


@asynccontextmanager
async def reading(connection: Connection, sender: Sender) -> AsyncIterator[tuple[Reader, Custodian]]:
    """A reader that has read, so that all of it runs."""
    custodian = Custodian(connection, sender)
    await sender.send(commands(1))
    async with a_reader(connection, custodian, mute_after_s=MUTE_AFTER_S) as reader:
        await custodian.has(1)
        yield reader, custodian


async def test_a_fetch_that_died_in_silence_is_replaced(
    connection: Connection, sender: Sender, consumers: list[Any]
) -> None:
    async with reading(connection, sender) as (_, custodian):
        consumers[-1]._fetcher.error_future.cancel()
        await sender.send(commands(3)[1:])
        await custodian.has(3)
    assert len(consumers) == 2


async def test_a_client_that_says_at_each_reading_that_it_died_is_replaced(
    connection: Connection, sender: Sender, consumers: list[Any]
) -> None:
    def died() -> None:
        raise KafkaError("Unexpected error during coordination")

    async with reading(connection, sender) as (_, custodian):
        consumers[-1]._coordinator.check_errors = died
        await sender.send(commands(3)[1:])
        await custodian.has(3)
    assert len(consumers) == 2


async def test_a_fetch_that_died_while_a_failed_batch_waited_to_be_read_again_is_replaced(
    connection: Connection, sender: Sender, consumers: list[Any]
) -> None:
    custodian, slowly = Custodian(connection, sender, down=1), Backoff(first_s=0.5)
    await sender.send(commands(2))
    async with a_reader(connection, custodian, backoff=slowly, mute_after_s=MUTE_AFTER_S):
        await custodian.tried(1)
        consumers[-1]._fetcher.error_future.cancel()
        await custodian.has(2)
    assert len(consumers) == 2


async def test_a_reader_that_only_waits_keeps_its_client(
    connection: Connection, sender: Sender, consumers: list[Any]
) -> None:
    async with reading(connection, sender):
        await asyncio.sleep(3 * MUTE_AFTER_S)
    assert len(consumers) == 1


@pytest.fixture
async def proxy(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    """All connections of the client library to the broker lead through it, whatever address the broker gives."""
    upstream = int(connection.bootstrap.rpartition(":")[2])
    proxy = Proxy(choose_port(), upstream, is_produce)
    connect = aiokafka.client.create_conn

    async def through(host: str, _: int, **options: object) -> object:
        return await connect(host, proxy.port, **options)

    monkeypatch.setattr(aiokafka.client, "create_conn", through)
    await proxy.start()
    yield proxy
    await proxy.stop()


async def test_connections_that_a_firewall_forgot_are_replaced_long_before_they_time_out(
    connection: Connection, sender: Sender, proxy: Proxy, consumers: list[Any]
) -> None:
    async with reading(connection, sender) as (_, custodian):
        proxy.silence()
        await asyncio.sleep(0.5)
        proxy.speak()
        async with Sender(connection) as other:
            await other.send(commands(3)[1:])
        await custodian.has(3)
    assert len(consumers) > 1
