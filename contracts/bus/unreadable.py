"""Reading around a record that the client library cannot decode: a header whose *name* is no UTF-8.

The library fails the whole fetch on it, again and again, so that whoever may write to a topic could stop its readers
for ever. In its place the reader gets a record without content, which is dead-lettered like any other.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from contracts.envelope import Record
from contracts.topics import MAX_BATCH

log = structlog.get_logger()

_FETCH_MS = 1000

Batches = Mapping[Any, Sequence[Record]]
GetMany = Callable[..., Awaitable[Batches]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Stands where an undecodable record stands."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: None = None
    value: None = None
    headers: tuple[()] = ()


class Consumer(Protocol):
    """What is used of aiokafka's consumer."""

    def assignment(self) -> frozenset[Any]:
        """Return the partitions that are ours."""

    async def position(self, part: object) -> int:
        """Return the offset that is read next."""

    def highwater(self, part: object) -> int | None:
        """Return the offset behind the last record, as far as is known."""

    def seek(self, part: object, offset: int) -> None:
        """Read from *offset* on."""


async def read_around(consumer: Consumer, getmany: GetMany, clock: Callable[[], float], **options: int) -> Batches:
    """Read as *getmany* does; if that cannot decode something, partition by partition, and past it."""
    try:
        return await getmany(**options)
    except UnicodeDecodeError:
        return await _by_partition(consumer, getmany, int(clock() * 1000))


async def _by_partition(consumer: Consumer, getmany: GetMany, now_ms: int) -> Batches:
    starts = {part: await consumer.position(part) for part in consumer.assignment()}
    try:
        found = {part: await _of(part, consumer, getmany, now_ms) for part in starts}
    except BaseException:  # what was read and not handed on must be read again
        for part in consumer.assignment() & starts.keys():
            consumer.seek(part, starts[part])
        raise
    return {part: records for part, records in found.items() if records}


async def _of(part: Any, consumer: Consumer, getmany: GetMany, now_ms: int) -> Sequence[Record]:  # noqa: ANN401 -- theirs
    records: list[Record] = []
    while (at := await consumer.position(part)) < (consumer.highwater(part) or 0) and len(records) < MAX_BATCH:
        try:
            found = await getmany(part, timeout_ms=_FETCH_MS, max_records=1)
        except UnicodeDecodeError:
            consumer.seek(part, at + 1)
            log.error("bus.unreadable_record", topic=part.topic, partition=part.partition, offset=at)
            return [*records, Unreadable(topic=part.topic, partition=part.partition, offset=at, timestamp=now_ms)]
        if not found:
            break
        records += found[part]
    return records
