"""Reading around a record that the client library cannot decode: a header whose *name* is no UTF-8.

The library fails the whole fetch on it, again and again, so that whoever may write to a topic could stop its readers
for ever. In its place the reader gets a record without content, which is dead-lettered like any other.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiokafka.errors import IllegalStateError

from contracts.envelope import Record

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


async def read_around(
    consumer: Consumer, getmany: GetMany, clock: Callable[[], float], *, timeout_ms: int, max_records: int
) -> Batches:
    """Read as *getmany* does; if that cannot decode something, partition by partition, and past it.

    Whatever fails, nothing is passed over: the library has by then moved past what it read of other partitions in the
    same call, and gives it to nobody.
    """
    starts = await _positions(consumer)
    try:
        return await getmany(timeout_ms=timeout_ms, max_records=max_records)
    except UnicodeDecodeError:
        await _go_back(consumer, starts)
        return await _by_partition(consumer, getmany, int(clock() * 1000), most=max_records)
    except Exception:
        await _go_back(consumer, starts)
        raise


async def _by_partition(consumer: Consumer, getmany: GetMany, now_ms: int, *, most: int) -> Batches:
    starts, found = await _positions(consumer), dict[Any, Sequence[Record]]()
    try:
        for part in starts:
            found[part] = await _of(part, consumer, getmany, now_ms, most=most - sum(map(len, found.values())))
    except BaseException:  # what was read and not handed on must be read again
        await _go_back(consumer, starts)
        raise
    return {part: records for part, records in found.items() if records}


async def _positions(consumer: Consumer) -> dict[Any, int]:
    found = {}
    for part in consumer.assignment():
        with suppress(IllegalStateError):  # it was given away meanwhile
            found[part] = await consumer.position(part)
    return found


async def _go_back(consumer: Consumer, starts: Mapping[Any, int]) -> None:
    for part in consumer.assignment() & starts.keys():
        if await consumer.position(part) != starts[part]:
            consumer.seek(part, starts[part])


async def _of(
    part: Any,  # noqa: ANN401 -- theirs
    consumer: Consumer,
    getmany: GetMany,
    now_ms: int,
    *,
    most: int,
) -> Sequence[Record]:
    records: list[Record] = []
    while len(records) < most and (at := await consumer.position(part)) < (consumer.highwater(part) or 0):
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
