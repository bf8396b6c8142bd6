"""What can be done to a topic: every record again, copies out of order, a group sent back to its start."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from contracts.bus.connection import Connection
from contracts.topics import MAX_MESSAGE_BYTES, Channel
from tests.crash.dice import Dice

AGAIN_S: Final = 0.5
READ_MS: Final = 500
COPIES: Final = 200

Place = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A record as it lies on the broker."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


async def replay(connection: Connection, channel: Channel) -> int:
    """Write every record of a topic again, once each however often it is there; how many."""
    records = list(dict.fromkeys(await _read(connection, channel)))
    await _write(connection, channel, records)
    return len(records)


async def shuffle(connection: Connection, channel: Channel, dice: Dice) -> int:
    """Write copies of some records, out of order; how many."""
    records = dice.shuffled(list(dict.fromkeys(await _read(connection, channel))))[:COPIES]
    await _write(connection, channel, records)
    return len(records)


async def spoil(connection: Connection, channel: Channel, dice: Dice) -> list[Place]:
    """Write records that must be put aside one by one: nonsense, and copies that were tampered with; where they lie."""
    found = await _read(connection, channel)
    spoiled = [Copied(b"nobody", b'{"not": "ours"', ()), Copied(None, b"\xff" * 64, (("kid", b"\xff"),))]
    if found:
        real = dice.one_of(found)
        middle = len(real.value or b"") // 2
        spoiled.append(replace(real, value=_flipped(real.value or b"", middle)))
        spoiled.append(replace(real, headers=tuple((name, b"\xff" + each) for name, each in real.headers)))
    return await _write(connection, channel, spoiled)


def _flipped(value: bytes, at: int) -> bytes:
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :] if value else b"?"


async def rewind(connection: Connection, group: str, channels: Sequence[Channel]) -> None:
    """Send *group* back to the start of its topics, as soon as the broker has noticed that nobody of it is there."""
    async with _Consumer(connection, group=group) as consumer:
        parts = await _partitions(consumer, channels)
        consumer.assign(parts)
        while True:
            try:
                await consumer.commit({part: OffsetAndMetadata(0, "") for part in parts})
            except KafkaError:
                await asyncio.sleep(AGAIN_S)
            else:
                return


async def behind(connection: Connection, group: str, channels: Sequence[Channel]) -> int:
    """How many records *group* has not committed yet."""
    async with _Consumer(connection, group=group) as consumer:
        parts = await _partitions(consumer, channels)
        ends = await consumer.end_offsets(parts)
        done = [await consumer.committed(part) or 0 for part in parts]
        return sum(ends[part] - at for part, at in zip(parts, done, strict=True))


class _Consumer:
    """A consumer that commits nothing by itself; entered, it is connected."""

    def __init__(self, connection: Connection, *, group: str | None = None) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=connection.bootstrap,
            client_id=connection.client_id,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 * MAX_MESSAGE_BYTES,
        )

    async def __aenter__(self) -> Any:  # noqa: ANN401 - aiokafka has no types
        try:
            await self._consumer.start()
        except BaseException:  # it holds sockets already
            await self._consumer.stop()
            raise
        return self._consumer

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()


async def _partitions(consumer: Any, channels: Sequence[Channel]) -> list[TopicPartition]:  # noqa: ANN401 - no types
    found = []
    for channel in channels:
        parts = consumer.partitions_for_topic(channel.value)
        while not parts:
            await consumer._client.force_metadata_update()
            await consumer._client.add_topic(channel.value)
            parts = consumer.partitions_for_topic(channel.value)
        found += [TopicPartition(channel.value, part) for part in sorted(parts)]
    return found


async def _read(connection: Connection, channel: Channel) -> list[Copied]:
    async with _Consumer(connection) as consumer:
        parts = await _partitions(consumer, [channel])
        ends = await consumer.end_offsets(parts)
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        found: list[Copied] = []
        while any([await consumer.position(part) < ends[part] for part in parts]):
            batch = await consumer.getmany(timeout_ms=READ_MS)
            found += [
                Copied(record.key, record.value, tuple(record.headers)) for each in batch.values() for record in each
            ]
        return found


async def _write(connection: Connection, channel: Channel, records: Sequence[Copied]) -> list[Place]:
    producer = AIOKafkaProducer(
        bootstrap_servers=connection.bootstrap, client_id=connection.client_id, max_request_size=2 * MAX_MESSAGE_BYTES
    )
    try:
        await producer.start()
        sent = [
            await producer.send(channel.value, each.value, each.key, headers=list(each.headers)) for each in records
        ]
        return [(each.topic, each.partition, each.offset) for each in await asyncio.gather(*sent)]
    finally:
        await producer.stop()
