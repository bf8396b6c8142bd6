"""Answers are read again from a point in time, on a real broker; never skipped, and never under a reader that runs."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer

from contracts.bus.connection import Connection
from contracts.bus.reader import Reader
from contracts.envelope import Record
from contracts.topics import Channel
from orchestrator.entrypoints import rewinding
from orchestrator.entrypoints.rewinding import rewind
from orchestrator.entrypoints.working import Refuses
from tests.integration.road.engines import QUICK, group_of, unread, until

WRITTEN = 5


async def written(connection: Connection) -> list[datetime]:
    """Some answers; when the broker had each."""
    topic = connection.topic(Channel.ANSWERS)
    async with AIOKafkaProducer(**connection.client_options()) as producer:
        done = [await producer.send_and_wait(topic, b"x", key=b"k", partition=0) for _ in range(WRITTEN)]
    return [datetime.fromtimestamp(each.timestamp / 1000, UTC) for each in done]


async def nothing(records: Sequence[Record]) -> None:
    """They are only counted."""


def a_reader(connection: Connection) -> Reader:
    return Reader(
        connection,
        nothing,
        channels=[Channel.ANSWERS],
        group=group_of(connection),
        worker="engine-1",
        clock=time.time,
        backoff=QUICK,
    )


async def all_read(connection: Connection) -> bool:
    there, read = await unread(connection)
    return there == read == WRITTEN


async def test_a_group_is_set_back_to_a_time_and_never_forward(connection: Connection) -> None:
    times = await written(connection)
    again = sum(each >= times[2] for each in times)
    async with a_reader(connection):
        await until(lambda: all_read(connection))
    for at in (times[2], times[4]):
        assert await rewind(connection, Channel.ANSWERS, group_of(connection), at) == again
        assert await unread(connection) == (WRITTEN, WRITTEN - again)


async def test_while_somebody_reads_nothing_is_set_back(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewinding, "PATIENCE_S", 2.0)
    times = await written(connection)
    async with a_reader(connection):
        await until(lambda: all_read(connection))
        with pytest.raises(Refuses, match="stop every role"):
            await rewind(connection, Channel.ANSWERS, group_of(connection), times[0])
    assert await unread(connection) == (WRITTEN, WRITTEN)
