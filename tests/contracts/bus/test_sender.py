"""The sender, over a producer of our own that fails as aiokafka was seen to fail."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
)

from contracts.bus.connection import Connection
from contracts.bus.sender import NotWritten, Producer, Sender
from contracts.envelope import Envelope
from contracts.topics import Channel

HERE = Connection(bootstrap="nowhere:1", client_id="test", prefix="blue.")
Sent = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


@dataclass
class FakeProducer:
    """Confirms what it is sent, unless *fails* names an error for its value, or it is silent."""

    fails: Callable[[bytes | None], BaseException | None] = lambda _: None
    silent: bool = False
    start_error: KafkaError | None = None
    sent: list[Sent] = field(default_factory=list)
    running: bool = False
    futures: list[asyncio.Future[object]] = field(default_factory=list)

    async def start(self) -> None:
        if self.start_error is not None:
            raise self.start_error
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, *, headers: list[tuple[str, bytes | None]]
    ) -> asyncio.Future[object]:
        self.sent.append((topic, value, key, headers))
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.futures.append(future)
        error = self.fails(value)
        if isinstance(error, MessageSizeTooLargeError | KafkaTimeoutError):
            raise error
        if error is not None:
            future.set_exception(error)
        elif not self.silent:
            future.set_result(object())
        return future


def over(*producers: FakeProducer) -> Sender:
    left = list(producers)

    def make(connection: Connection, confirm_within_s: float) -> Producer:
        return left.pop(0)

    return Sender(HERE, make=make, confirm_within_s=0.01)


def envelopes(*values: bytes) -> list[Envelope]:
    return [Envelope(channel=Channel.ANSWERS, key=b"k", value=value, headers=(("h", b"1"),)) for value in values]


def failing(error: BaseException, *values: bytes) -> Callable[[bytes | None], BaseException | None]:
    return lambda value: error if value in values else None


async def test_what_is_sent_is_what_was_closed() -> None:
    producer = FakeProducer()
    async with over(producer) as sender:
        assert await sender.send(envelopes(b"1", b"2")) == (True, True)
    assert producer.sent == [("blue.dsar.answers.v1", value, b"k", [("h", b"1")]) for value in (b"1", b"2")]
    assert not producer.running


async def test_each_envelope_has_a_word_of_its_own() -> None:
    async with over(FakeProducer(fails=failing(KafkaConnectionError(), b"2"))) as sender:
        assert await sender.send(envelopes(b"1", b"2", b"3")) == (True, False, True)


async def test_an_envelope_that_cannot_even_be_buffered_does_not_stop_the_others() -> None:
    async with over(FakeProducer(fails=failing(MessageSizeTooLargeError(), b"1"))) as sender:
        assert await sender.send(envelopes(b"1", b"2")) == (False, True)


async def test_once_a_record_has_waited_in_vain_for_room_no_other_one_waits_too() -> None:
    producer = FakeProducer(fails=failing(KafkaTimeoutError(), b"2", b"3"))
    async with over(producer) as sender:
        assert await sender.send(envelopes(b"1", b"2", b"3", b"4")) == (True, False, False, False)
        assert await sender.send(envelopes(b"5")) == (True,)
    assert [value for _, value, _, _ in producer.sent] == [b"1", b"2", b"5"]


async def test_no_word_in_time_is_unknown_and_not_cancelled() -> None:
    producer = FakeProducer(silent=True)
    async with over(producer) as sender:
        assert await sender.send(envelopes(b"1")) == (False,)
    (future,) = producer.futures
    assert not future.cancelled()
    future.set_exception(KafkaConnectionError())


@pytest.mark.parametrize("error", [OutOfOrderSequenceNumber(), KafkaError("Unexpected error during batch delivery")])
async def test_a_producer_that_lost_its_sequence_is_replaced(error: KafkaError) -> None:
    first, second = FakeProducer(fails=failing(error, b"1")), FakeProducer()
    async with over(first, second) as sender:
        assert await sender.send(envelopes(b"1", b"2")) == (False, True)
        assert not first.running
        assert await sender.send(envelopes(b"3")) == (True,)
    assert [value for _, value, _, _ in second.sent] == [b"3"]


async def test_an_error_that_passes_keeps_the_producer() -> None:
    async with over(FakeProducer(fails=failing(KafkaConnectionError(), b"1"))) as sender:
        await sender.send(envelopes(b"1"))
        assert await sender.send(envelopes(b"2")) == (True,)


async def test_a_replacement_that_cannot_connect_raises_and_the_next_send_tries_again() -> None:
    lost = FakeProducer(fails=failing(OutOfOrderSequenceNumber(), b"1"))
    async with over(lost, FakeProducer(start_error=KafkaConnectionError()), FakeProducer()) as sender:
        await sender.send(envelopes(b"1"))
        with pytest.raises(KafkaConnectionError):
            await sender.send(envelopes(b"2"))
        assert await sender.send(envelopes(b"3")) == (True,)


async def test_a_raw_record_is_replayed_as_it_was() -> None:
    producer = FakeProducer()
    async with over(producer) as sender:
        await sender.send_raw("elsewhere", b"\xff", None, [("a", b"\xff"), ("a", None)])
    assert producer.sent == [("elsewhere", None, b"\xff", [("a", b"\xff"), ("a", None)])]


async def test_an_unconfirmed_replay_raises() -> None:
    async with over(FakeProducer(fails=failing(KafkaConnectionError(), b"1"))) as sender:
        with pytest.raises(NotWritten):
            await sender.send_raw("elsewhere", None, b"1", [])


async def test_a_record_of_neither_key_nor_value_cannot_be_written() -> None:
    async with over(FakeProducer()) as sender:
        with pytest.raises(ValueError, match="a key or a value"):
            await sender.send_raw("elsewhere", None, None, [])


async def test_sending_nothing_says_nothing() -> None:
    async with over(FakeProducer()) as sender:
        assert await sender.send([]) == ()


async def test_a_producer_that_does_not_stop_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck(FakeProducer):
        async def stop(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr("contracts.bus.sender._STOP_WITHIN_S", 0.01)
    async with over(Stuck()) as sender:
        assert await sender.send(envelopes(b"1")) == (True,)
