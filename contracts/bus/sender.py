"""The sender: many envelopes published at once, and an honest word on each."""

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, OutOfOrderSequenceNumber, ProducerClosed, ProducerFenced

from contracts.bus.connection import Connection
from contracts.envelope import Envelope
from contracts.topics import MAX_MESSAGE_BYTES

log = structlog.get_logger()

CONFIRM_WITHIN_S: Final = 10.0
_STOP_WITHIN_S: Final = 5.0
_BEYOND_REPAIR: Final = (OutOfOrderSequenceNumber, ProducerFenced, ProducerClosed)

RawHeaders = Sequence[tuple[str, bytes | None]]


class Producer(Protocol):
    """What is used of aiokafka's producer."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Send what is buffered, then disconnect."""

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, *, headers: list[tuple[str, bytes | None]]
    ) -> asyncio.Future[object]:
        """Put the record into the buffer, and return what becomes of it."""


class NotWritten(ConnectionError):
    """The broker did not confirm the record. It may have been written all the same."""


class Sender:
    """An idempotent producer. Enter it to connect; a producer that lost its sequence is replaced."""

    def __init__(
        self,
        connection: Connection,
        *,
        confirm_within_s: float = CONFIRM_WITHIN_S,
        make: Callable[[Connection, float], Producer] | None = None,
    ) -> None:
        self._connection = connection
        self._confirm_within_s = confirm_within_s
        self._make = make or _kafka_producer
        self._changing = asyncio.Lock()
        self._producer: Producer | None = None

    async def __aenter__(self) -> Self:
        await self._connected()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._producer is not None:
            await self._drop(self._producer)

    async def send(self, envelopes: Sequence[Envelope]) -> tuple[bool, ...]:
        """Publish *envelopes* and say of each whether it is certainly written.

        False means unknown, not unwritten: never roll back what may have left. Nothing is sent again in here;
        a caller that sends again may produce the record twice. Raises `KafkaError` only while there is no connection.
        """
        producer = await self._connected()
        futures: list[asyncio.Future[object]] = []
        for each in envelopes:
            if futures and _found_no_room(futures[-1]):  # nor will this one: a hundred would wait for a hundred times
                futures.append(futures[-1])
            else:
                topic = self._connection.topic(each.channel)
                futures.append(await _put(producer, topic, each.key, each.value, each.headers))
        return await self._confirmed(producer, futures)

    async def send_raw(self, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders) -> None:
        """Write a record exactly as given to a physical *topic*, to replay a dead letter; raise `NotWritten`."""
        if key is None and value is None:
            raise ValueError("a record needs a key or a value")
        producer = await self._connected()
        (written,) = await self._confirmed(producer, [await _put(producer, topic, key, value, headers)])
        if not written:
            raise NotWritten("the broker did not confirm the record")

    async def _confirmed(self, producer: Producer, futures: Sequence[asyncio.Future[object]]) -> tuple[bool, ...]:
        if not futures:
            return ()
        await asyncio.wait(futures, timeout=self._confirm_within_s)  # wait_for would cancel what still arrives
        errors = [_outcome(future) for future in futures]
        for name in sorted({type(error).__name__ for error in errors if error is not None}):
            log.warning("bus.unconfirmed", error=name)
        if any(_is_beyond_repair(error) for error in errors):
            log.warning("bus.producer_dropped")
            await self._drop(producer)
        return tuple(error is None for error in errors)

    async def _connected(self) -> Producer:
        async with self._changing:
            if self._producer is None:
                producer = self._make(self._connection, self._confirm_within_s)
                await _start(producer)
                self._producer = producer
            return self._producer

    async def _drop(self, producer: Producer) -> None:
        async with self._changing:
            if self._producer is producer:  # else a batch beside this one has done it
                self._producer = None
                await _stop(producer)


def _kafka_producer(connection: Connection, confirm_within_s: float) -> Producer:
    producer: Producer = AIOKafkaProducer(
        **connection.client_options(),
        enable_idempotence=True,
        request_timeout_ms=int(confirm_within_s * 1000),
        max_request_size=2 * MAX_MESSAGE_BYTES,
    )
    return producer


async def _put(
    producer: Producer, topic: str, key: bytes | None, value: bytes | None, headers: RawHeaders
) -> asyncio.Future[object]:
    try:
        future: asyncio.Future[object] = await producer.send(topic, value, key, headers=list(headers))
    except KafkaError as error:
        future = asyncio.get_running_loop().create_future()
        future.set_exception(error)
    return future


def _found_no_room(future: asyncio.Future[object]) -> bool:
    """Whether a record waited in vain to be put into the buffer: the broker takes nothing."""
    return future.done() and not future.cancelled() and isinstance(future.exception(), KafkaTimeoutError)


def _outcome(future: asyncio.Future[object]) -> BaseException | None:
    if not future.done():
        future.add_done_callback(lambda late: late.cancelled() or late.exception())  # looked at, so nobody warns
        return TimeoutError()
    return asyncio.CancelledError() if future.cancelled() else future.exception()


def _is_beyond_repair(error: BaseException | None) -> bool:
    # the plain class is what aiokafka's background task dies with; every later send of that producer fails alike
    return isinstance(error, _BEYOND_REPAIR) or type(error) is KafkaError


async def _start(producer: Producer) -> None:
    try:
        await producer.start()
    except BaseException:  # cancelled, too: it holds sockets already
        await _stop(producer)
        raise


async def _stop(producer: Producer) -> None:
    try:
        await asyncio.wait_for(producer.stop(), _STOP_WITHIN_S)
    except (KafkaError, TimeoutError) as error:
        log.warning("bus.producer_abandoned", error=type(error).__name__)
