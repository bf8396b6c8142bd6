"""Rewinding a group of readers to a point in time, while none of them runs."""

import asyncio
from datetime import datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError

from contracts.bus.connection import Connection
from contracts.topics import TOPICS, Channel
from orchestrator.entrypoints.working import Refuses

STILL_THERE: Final = (CommitFailedError, UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError)
PATIENCE_S: Final = 20.0  # three sessions: the broker believes for one that a reader which has just ended still lives


async def rewind(connection: Connection, channel: Channel, group: str, to: datetime) -> int:
    """Have *group* read *channel* from *to* on again, and return how many records that is. Never skips any.

    Raises `Refuses` while a reader of the group runs.
    """
    topic = connection.topic(channel)
    parts = [TopicPartition(topic, n) for n in range(TOPICS[channel].partitions)]
    consumer = AIOKafkaConsumer(
        **connection.client_options(), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign(parts)
        wanted = await _wanted(consumer, parts, int(to.timestamp() * 1000))
        if wanted:
            await _commit(consumer, wanted)
        ends = await consumer.end_offsets(parts)
        return sum(ends[part] - offset for part, offset in wanted.items())
    finally:
        await consumer.stop()


async def _wanted(consumer: Any, parts: list[TopicPartition], at_ms: int) -> dict[TopicPartition, int]:  # noqa: ANN401 - aiokafka is untyped
    """Where each part is to be read from: at that time, but never further on than it had been read."""
    found = await consumer.offsets_for_times(dict.fromkeys(parts, at_ms))
    wanted = {}
    for part in parts:
        read = await consumer.committed(part)
        at_that_time = found[part].offset if found.get(part) is not None else None
        if read is not None and at_that_time is not None:
            wanted[part] = min(read, at_that_time)
    return wanted


async def _commit(consumer: Any, wanted: dict[TopicPartition, int]) -> None:  # noqa: ANN401 - aiokafka is untyped
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await consumer.commit(wanted)
                except STILL_THERE:
                    await asyncio.sleep(1.0)
                else:
                    return
    except TimeoutError:
        raise Refuses("the engine still reads answers; stop every role, then run this again") from None
