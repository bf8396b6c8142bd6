"""Sending to a real broker."""

import asyncio

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.envelope import Envelope
from contracts.topics import MAX_MESSAGE_BYTES, Channel
from tests.integration.bus.broker import stored


def an_envelope(value: bytes) -> Envelope:
    return Envelope(channel=Channel.ANSWERS, key=b"k", value=value, headers=(("h", b"\xff"),))


async def test_a_full_batch_is_written_and_read_as_it_was_closed(connection: Connection, sender: Sender) -> None:
    assert await sender.send([an_envelope(b"%d" % n) for n in range(500)]) == (True,) * 500
    records = await stored(connection, Channel.ANSWERS)
    assert sorted(int(each.value or b"") for each in records) == list(range(500))
    assert {(each.key, tuple(each.headers)) for each in records} == {(b"k", (("h", b"\xff"),))}


async def test_a_replayed_record_is_the_same_to_the_byte(connection: Connection, sender: Sender) -> None:
    topic = connection.topic(Channel.ANSWERS)
    headers: list[tuple[str, bytes | None]] = [("a", b"\xff"), ("a", None), ("", b"")]
    await sender.send_raw(topic, b"\xff\x00", None, headers)
    (record,) = await stored(connection, Channel.ANSWERS)
    assert (record.key, record.value, list(record.headers)) == (b"\xff\x00", None, headers)


async def test_a_message_of_the_largest_size_is_written_and_a_larger_one_only_to_the_dead_letters(
    connection: Connection, sender: Sender
) -> None:
    large, larger = an_envelope(b"x" * (MAX_MESSAGE_BYTES - 200)), an_envelope(b"x" * (MAX_MESSAGE_BYTES + 1))
    letter = Envelope(channel=Channel.DEAD_LETTERS, key=b"k", value=larger.value, headers=())
    assert await sender.send([large]) == (True,)
    assert await sender.send([larger]) == (False,)
    assert await sender.send([letter]) == (True,)


async def test_senders_beside_each_other_share_one_connection(connection: Connection) -> None:
    async with Sender(connection) as sender:
        written = await asyncio.gather(*(sender.send([an_envelope(b"%d" % n)]) for n in range(20)))
    assert written == [(True,)] * 20
    assert len(await stored(connection, Channel.ANSWERS)) == 20
