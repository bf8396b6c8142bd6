"""The reader: batches of raw records, handled whole or not at all, in the one shape that was seen to lose nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast

import structlog
from faststream import AckPolicy, BaseMiddleware, ContextRepo
from faststream.kafka import KafkaBroker
from faststream.message import StreamMessage

from contracts.bus.connection import Connection
from contracts.bus.resting import rest_s
from contracts.bus.unreadable import read_around
from contracts.envelope import Record
from contracts.topics import MAX_BATCH, Channel

log = structlog.get_logger()

Handler = Callable[[Sequence[Record]], Awaitable[None]]
Clock = Callable[[], float]

_REVOKE_WAITS_S: Final = 3.0  # half a session: the broker must not think that we died


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a failed batch waits before it is read again."""

    first_s: float = 0.2
    most_s: float = 30.0

    def delays(self) -> Iterator[float]:
        """Yield the waits, each twice the one before."""
        delay = self.first_s
        while True:
            yield min(delay, self.most_s)
            delay *= 2


class Reader:
    """One consumer in one group. Enter it to start, leave it to stop; a process has one.

    The handler gets a batch of records from any of the *channels*, unread. When it returns, the batch is committed.
    When it raises, the batch is rewound and given again after a wait, for ever: so it raises only when our own services
    fail, and must cope with records that it has seen, also at the same time in another process.
    """

    def __init__(
        self,
        connection: Connection,
        handle: Handler,
        *,
        channels: Collection[Channel],
        group: str,
        worker: str,
        clock: Clock,
        backoff: Backoff | None = None,
        max_records: int = MAX_BATCH,
    ) -> None:
        self._handle = handle
        self._clock = clock
        self._backoff = Backoff() if backoff is None else backoff
        self._delays = self._backoff.delays()
        self._stopping = asyncio.Event()
        self._in_flight = asyncio.Lock()
        self._most, self._rest_s = max_records, 0.0
        self._oldest_ms: int | None = None
        self._handled_at = clock()
        self._broker = _broker(connection, partial(_WaitThenRewind, reader=self))
        self._subscriber = self._broker.subscriber(
            *(connection.topic(channel) for channel in channels),
            group_id=group,
            group_instance_id=worker,
            batch=True,
            max_records=max_records,
            batch_timeout_ms=20,
            auto_offset_reset="earliest",
            session_timeout_ms=6000,
            heartbeat_interval_ms=2000,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            parser=_keep_records,
            decoder=_raw_records,
            listener=cast("Any", _Rebalances(self)),
        )
        self._subscriber(self._on_records)

    async def __aenter__(self) -> Self:
        await self._broker.start()
        consumer = cast("Any", self._subscriber.consumer)
        consumer.getmany = partial(read_around, consumer, consumer.getmany, self._clock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        await self._broker.stop()

    @property
    def lag_seconds(self) -> float:
        """Age of the oldest record that is in hand and not yet committed; 0 when nothing is."""
        return 0.0 if self._oldest_ms is None else max(0.0, self._clock() - self._oldest_ms / 1000)

    @property
    def last_progress(self) -> float:
        """When this reader last got anywhere: finished a batch, or heard from the broker that there is none.

        A consumer can live and read nothing; a growing distance between this and now is the sign.
        """
        if self._oldest_ms is not None:
            return self._handled_at
        consumer = cast("Any", self._subscriber.consumer)
        polled = [consumer.last_poll_timestamp(part) for part in consumer.assignment()] if consumer is not None else []
        heard = [at / 1000 for at in polled if at is not None]
        return max(self._handled_at, min(heard, default=0.0))

    async def _on_records(self, records: Sequence[Record]) -> None:
        self._oldest_ms = min(record.timestamp for record in records)
        began = asyncio.get_running_loop().time()
        async with self._in_flight:
            await self._handle(records)
        took = asyncio.get_running_loop().time() - began
        self._rest_s = rest_s(took, found=len(records), most=self._most)

    async def settle(self, *, failed: BaseException | None) -> None:
        """Note how a batch went; after a failure, return only when it is time to try again, or to stop."""
        if failed is None:
            self._delays = self._backoff.delays()
            self._oldest_ms, self._handled_at = None, self._clock()
            await asyncio.sleep(self._rest_s)
            return
        delay = next(self._delays)
        log.warning("bus.batch_failed", error=type(failed).__name__, again_in_s=delay)
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            return

    async def let_go(self) -> None:
        """Wait, for a bounded time, until the running handler is through: its peer would run the same records."""
        try:
            await asyncio.wait_for(self._in_flight.acquire(), _REVOKE_WAITS_S)
        except TimeoutError:
            log.warning("bus.revoked_in_flight")
            return
        self._in_flight.release()
        self._oldest_ms = None


def _broker(connection: Connection, middleware: Any) -> KafkaBroker:  # noqa: ANN401 - FastStream's own type of it
    return KafkaBroker(
        connection.bootstrap,
        client_id=connection.client_id,
        security=connection.security,
        consumer_only=True,
        allow_auto_create_topics=False,
        serializer=None,
        apply_types=False,
        middlewares=[middleware],
        logger=_ClassNames(),
    )


async def _keep_records(
    records: tuple[Any, ...], original: Callable[[tuple[Any, ...]], Awaitable[StreamMessage[Any]]]
) -> StreamMessage[Any]:
    """Wrap records unread: FastStream's own parser decodes every header, and one bad byte fails the batch."""
    message = await original((replace(records[0], headers=(), value=b""),))
    message.raw_message = records  # what a nack rewinds
    return message


async def _raw_records(message: StreamMessage[Any]) -> tuple[Record, ...]:
    records: tuple[Record, ...] = message.raw_message
    return records


class _WaitThenRewind(BaseMiddleware[Any, Any]):
    """A batch fails only when our own services do: wait, then `NACK_ON_ERROR` rewinds every partition of it."""

    def __init__(self, records: object, /, *, context: ContextRepo, reader: Reader) -> None:
        super().__init__(records, context=context)
        self._reader = reader

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[object]], msg: StreamMessage[Any]) -> object:
        try:
            result = await call_next(msg)
        except Exception as error:
            await self._reader.settle(failed=error)
            raise
        await self._reader.settle(failed=None)
        return result


class _Rebalances:
    """What aiokafka calls when partitions move."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, revoked: Collection[object]) -> None:
        if revoked:
            await self._reader.let_go()

    async def on_partitions_assigned(self, assigned: Collection[object]) -> None:
        log.info("bus.assigned", partitions=len(assigned))


class _ClassNames:
    """FastStream's logger: of an error its class only, since the text of one may carry what a record held."""

    def log(self, level: int, _text: object, /, *, exc_info: object = None, **_context: object) -> None:
        if level < logging.ERROR:
            return
        error = type(exc_info).__name__ if isinstance(exc_info, BaseException) else "unknown"
        log.error("bus.faststream_failed", error=error)
