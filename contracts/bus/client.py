"""The client of a reader: FastStream's broker with its one subscriber, made anew when it has broken."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol, cast

import structlog
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.message import StreamMessage
from faststream.security import SASLScram256

from contracts.bus.batches import read_batch
from contracts.bus.commits import Commits
from contracts.bus.connection import Connection, Login
from contracts.envelope import Record

log = structlog.get_logger()

_LISTEN_MS: Final = 1000  # FastStream sleeps after each time that there was nothing: the next record would wait


class Listener(Protocol):
    """Hears of partitions that move."""

    async def on_partitions_revoked(self, revoked: Collection[object]) -> None:
        """They go to others as soon as this returns."""

    async def on_partitions_assigned(self, assigned: Collection[object]) -> None:
        """They are ours."""


class Client:
    """One consumer. *handler* gets each batch unread, within *middleware*; *listener* hears of rebalances.

    What the handler has returned from is committed, soon and beside the next batch.
    """

    def __init__(
        self,
        connection: Connection,
        handler: Callable[[Sequence[Record]], Awaitable[None]],
        *,
        topics: Collection[str],
        group: str,
        worker: str,
        max_records: int,
        middleware: Any,  # noqa: ANN401 - FastStream's own type of it
        listener: Listener,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._handler = handler
        self._listener = listener
        self._commits: Commits | None = None
        self._committing: asyncio.Task[None] | None = None
        self._broker = _broker(connection, middleware)
        self._subscriber = self._broker.subscriber(
            *topics,
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
            listener=cast("Any", self),
        )
        self._subscriber(self._handle)
        self.started_at: float | None = None
        self.broken = False

    async def start(self) -> None:
        """Connect; raise `KafkaError` if nobody is there."""
        await self._broker.start()
        consumer = cast("Any", self._subscriber.consumer)
        consumer.getmany = self._noticing(consumer, consumer.getmany)
        self._commits = Commits(consumer, consumer.commit)
        self._committing = asyncio.create_task(self._commits.run())
        consumer.commit, consumer.stop = _nothing, partial(_stop, self._commits, consumer.stop)
        self.started_at = self._clock()

    async def stop(self, *, within_s: float) -> None:
        """Disconnect, in a bounded time: what does not end by then goes on ending by itself."""
        stopping = asyncio.create_task(self._broker.stop())
        stopping.add_done_callback(_looked_at)
        await asyncio.wait({stopping}, timeout=within_s)
        if not stopping.done():
            log.warning("bus.client_abandoned")
        if self._committing is not None:
            self._committing.cancel()

    async def on_partitions_revoked(self, revoked: Collection[object]) -> None:
        """Let go of them: what runs is through, and what is handled is committed, or we have waited long enough."""
        await self._listener.on_partitions_revoked(revoked)
        if self._commits is not None:
            await self._commits.last()

    async def on_partitions_assigned(self, assigned: Collection[object]) -> None:
        """Pass it on."""
        await self._listener.on_partitions_assigned(assigned)

    async def _handle(self, records: Sequence[Record]) -> None:
        await self._handler(records)
        if self._commits is not None:  # else the library commits this one itself
            self._commits.ended(records)

    def heard(self) -> list[float]:
        """When the broker last told something of each partition that is ours; 0 for never."""
        consumer = cast("Any", self._subscriber.consumer)
        if consumer is None or self.started_at is None:
            return []
        return [(consumer.last_poll_timestamp(part) or 0) / 1000 for part in consumer.assignment()]

    def _noticing(self, consumer: Any, getmany: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:  # noqa: ANN401 - aiokafka's
        async def read(**options: int) -> Mapping[Any, Sequence[Record]]:
            try:
                return await read_batch(consumer, getmany, self._clock, **options | {"timeout_ms": _LISTEN_MS})
            except KafkaError as error:
                # the plain class is what aiokafka's background task dies with, and says so at each later reading
                self.broken = self.broken or type(error) is KafkaError
                raise

        return read


async def _nothing() -> None:
    """Stands where FastStream would commit, and wait for it before it reads on."""


async def _stop(commits: Commits, stop: Callable[[], Awaitable[None]]) -> None:
    await commits.last()
    await stop()


def _broker(connection: Connection, middleware: Any) -> KafkaBroker:  # noqa: ANN401 - FastStream's own type of it
    return KafkaBroker(
        connection.bootstrap,
        client_id=connection.client_id,
        security=_scram(connection.login),
        consumer_only=True,
        allow_auto_create_topics=False,
        serializer=None,
        apply_types=False,
        middlewares=[middleware],
        logger=_ClassNames(),
    )


def _scram(login: Login | None) -> SASLScram256 | None:
    if login is None:
        return None
    return SASLScram256(login.username, login.password, use_ssl=login.tls, ssl_context=login.ssl_context)


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


def _looked_at(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("bus.client_abandoned", error=type(error).__name__)


class _ClassNames:
    """FastStream's logger: of an error its class only, since the text of one may carry what a record held."""

    def log(self, level: int, _text: object, /, *, exc_info: object = None, **_context: object) -> None:
        if level < logging.ERROR:
            return
        error = type(exc_info).__name__ if isinstance(exc_info, BaseException) else "unknown"
        log.error("bus.faststream_failed", error=error)
