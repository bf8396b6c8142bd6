"""The engine's reader on a real broker, over a world's database; and what its group has committed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.bus.connection import Connection
from contracts.bus.letters import DeadLetters
from contracts.bus.reader import Backoff, Reader
from contracts.bus.sender import Sender
from contracts.envelope import Record
from contracts.topics import TOPICS, Channel
from orchestrator.entrypoints.answers import Answers
from orchestrator.settings import Role
from tests.integration.road.world import World

QUICK = Backoff(first_s=0.05, most_s=0.2)
WITHIN_S = 20.0


@asynccontextmanager
async def an_engine(world: World, connection: Connection, sender: Sender) -> AsyncIterator[list[int]]:
    """Answers are read and filed for as long as the block lasts; gives the sizes of the batches that were begun."""
    answers = Answers(
        transaction=world.tx[Role.ENGINE],
        policy=world.policy,
        link_kms=world.link,
        blind_key=world.blind_key,
        dead_letters=DeadLetters(sender, reader="engine", environment="test", clock=time.time),
        clock=time.time,
        prefix=connection.prefix,
    )
    tries: list[int] = []

    async def handle(records: Sequence[Record]) -> None:
        tries.append(len(records))
        await answers.handle(records)

    reader = Reader(
        connection,
        handle,
        channels=[Channel.ANSWERS],
        group=group_of(connection),
        worker="engine-1",
        clock=time.time,
        backoff=QUICK,
    )
    async with reader:
        yield tries


def group_of(connection: Connection) -> str:
    return f"{connection.prefix}dsar-engine"


async def unread(connection: Connection) -> tuple[int, int]:
    """How many answers there are, and how many of them the engine has committed."""
    topic = connection.topic(Channel.ANSWERS)
    parts = [TopicPartition(topic, n) for n in range(TOPICS[Channel.ANSWERS].partitions)]
    client = AIOKafkaConsumer(**connection.client_options(), group_id=group_of(connection), enable_auto_commit=False)
    await client.start()
    try:
        ends = await client.end_offsets(parts)
        return sum(ends.values()), sum([await client.committed(part) or 0 for part in parts])
    finally:
        await client.stop()


async def until(condition: Callable[[], Awaitable[bool]], *, within_s: float = WITHIN_S) -> None:
    """Return once *condition* holds; raise `TimeoutError` if it does not come to that."""
    async with asyncio.timeout(within_s):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.05)
