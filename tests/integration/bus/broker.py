"""What a test of the bus does to its broker."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.bus.connection import Connection
from contracts.bus.reader import MUTE_AFTER_S, Backoff, Handler, Reader
from contracts.envelope import Record
from contracts.topics import Channel

QUICK = Backoff(first_s=0.02, most_s=0.1)
LANES = (Channel.ACCESS, Channel.ERASURE)


def group_of(connection: Connection) -> str:
    return f"{connection.prefix}crm"


def a_reader(
    connection: Connection,
    handle: Handler,
    *,
    worker: str = "crm-1",
    backoff: Backoff = QUICK,
    mute_after_s: float = MUTE_AFTER_S,
) -> Reader:
    return Reader(
        connection,
        handle,
        channels=LANES,
        group=group_of(connection),
        worker=worker,
        clock=time.time,
        backoff=backoff,
        mute_after_s=mute_after_s,
    )


@asynccontextmanager
async def a_client(connection: Connection, **options: object) -> AsyncIterator[AIOKafkaConsumer]:
    client = AIOKafkaConsumer(**connection.client_options(), **options)
    await client.start()
    yield client
    await client.stop()


async def uncommitted(connection: Connection) -> int:
    """Return how many records of both lanes the group has not committed."""
    parts = [TopicPartition(connection.topic(lane), n) for lane in LANES for n in (0, 1)]
    async with a_client(connection, group_id=group_of(connection), enable_auto_commit=False) as client:
        ends = await client.end_offsets(parts)
        return sum([ends[part] - (await client.committed(part) or 0) for part in parts])


async def stored(connection: Connection, channel: Channel) -> Sequence[Record]:
    """Return all records of a channel."""
    parts = [TopicPartition(connection.topic(channel), n) for n in (0, 1)]
    async with a_client(connection) as client:
        client.assign(parts)
        await client.seek_to_beginning(*parts)
        left = sum((await client.end_offsets(parts)).values())
        records: list[Record] = []
        while len(records) < left:
            records += [each for batch in (await client.getmany(timeout_ms=500)).values() for each in batch]
        return records
