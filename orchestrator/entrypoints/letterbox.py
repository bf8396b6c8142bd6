"""Reading the topic of dead letters for people, and sending a letter's record again."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts.bus.connection import Connection
from contracts.bus.sender import NotWritten, Sender
from contracts.dead_letter import DeadLetter
from contracts.topics import Channel
from orchestrator.entrypoints.api.letters import Letter, Unreachable

READ_WITHIN_S = 5.0


class KafkaLetterBox:
    """Each call opens a consumer of its own, without a group: letters are looked at, never consumed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._topic = connection.topic(Channel.DEAD_LETTERS)

    async def newest(self, *, limit: int, after: Mapping[int, int] | None = None) -> Sequence[Letter]:
        """The newest letters first, only those behind *after*; raise `Unreachable` if the broker does not answer."""
        async with self.consumer() as consumer:
            parts = [TopicPartition(self._topic, n) for n in consumer.partitions_for_topic(self._topic) or ()]
            ends = await consumer.end_offsets(parts)
            begins = await consumer.beginning_offsets(parts)
            found: list[Letter] = []
            for part in parts:
                first = max(begins[part], ends[part] - limit, (after or {}).get(part.partition, -1) + 1)
                found += await _read(consumer, part, first, ends[part])
        return sorted(found, key=lambda each: (each.letter.at, each.offset), reverse=True)[:limit]

    async def read(self, partition: int, offset: int) -> Letter | None:
        """One letter; None if there is none at that place (any more)."""
        async with self.consumer() as consumer:
            part = TopicPartition(self._topic, partition)
            if partition not in (consumer.partitions_for_topic(self._topic) or ()):
                return None
            begin = (await consumer.beginning_offsets([part]))[part]
            end = (await consumer.end_offsets([part]))[part]
            if not begin <= offset < end:
                return None
            found = await _read(consumer, part, offset, offset + 1)
        return found[0] if found else None

    async def replay(self, letter: Letter) -> None:
        """Write the record, byte for byte, to the topic that it was on; whoever reads it checks it anew."""
        kept = letter.letter
        headers = [(name, b64decode(value)) for name, value in kept.headers]
        key = None if kept.key is None else b64decode(kept.key)
        value = None if kept.value is None else b64decode(kept.value)
        try:
            async with Sender(self._connection) as sender:
                await sender.send_raw(kept.topic, key, value, headers)
        except (KafkaError, NotWritten, OSError):
            raise Unreachable("Kafka did not confirm the record; try again") from None

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer of the letters, started; raise `Unreachable` if the broker does not answer in time."""
        options = dict(self._connection.client_options())
        consumer = AIOKafkaConsumer(self._topic, **options, group_id=None, enable_auto_commit=False)
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                await consumer.start()
                yield consumer
        except (KafkaError, OSError, TimeoutError):
            raise Unreachable("Kafka does not answer; dead letters cannot be read now") from None
        finally:
            await consumer.stop()


async def broker_answers(connection: Connection) -> bool:
    """Whether the broker answers a metadata request now."""
    try:
        async with KafkaLetterBox(connection).consumer():
            return True
    except Unreachable:
        return False


async def _read(consumer: AIOKafkaConsumer, part: TopicPartition, first: int, end: int) -> list[Letter]:
    """The letters from *first* up to *end*; what is none is left out."""
    found: list[Letter] = []
    if first >= end:
        return found
    consumer.seek(part, first)  # a consumer without a group has all partitions of its topic from the start
    position = first
    while position < end:
        batch = await consumer.getmany(part, timeout_ms=500)
        for record in batch.get(part, []):
            position = record.offset + 1
            if record.offset < end and record.value is not None:
                found += _letter(part.partition, record.offset, record.value)
    return found


def _letter(partition: int, offset: int, value: bytes) -> list[Letter]:
    try:
        return [Letter(partition=partition, offset=offset, letter=DeadLetter.model_validate_json(value))]
    except ValidationError:
        return []
