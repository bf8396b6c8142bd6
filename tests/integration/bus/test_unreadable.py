"""A record that the client library cannot decode stops nobody."""

import asyncio
import os
import sys

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.dead_letter import DeadLetter, Refusal
from contracts.topics import Channel
from tests.integration.bus.broker import a_reader, stored, uncommitted
from tests.integration.bus.test_reader import Custodian, commands

# our own client refuses to write such a name, unless its fast half is switched off: hence another process
WRITE = """
import asyncio, sys
from aiokafka import AIOKafkaProducer
class Name(str):
    def encode(self, *how):
        return b"\\xff\\xfe"
async def main(bootstrap, topic, key):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    await producer.send_and_wait(topic, b"v", key.encode(), headers=[(Name("xx"), b"1")])
    await producer.stop()
asyncio.run(main(*sys.argv[1:]))
"""


async def write_unreadable(connection: Connection, key: bytes) -> None:
    topic = connection.topic(Channel.ACCESS)
    environment = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}
    arguments = (sys.executable, "-c", WRITE, connection.bootstrap, topic, key.decode())
    process = await asyncio.create_subprocess_exec(*arguments, env=environment)
    assert await process.wait() == 0


async def test_an_undecodable_header_name_is_dead_lettered_and_passed(connection: Connection, sender: Sender) -> None:
    await sender.send(commands(2))
    await write_unreadable(connection, commands(1)[0].key)
    await sender.send(commands(4)[2:])
    custodian = Custodian(connection, sender, down=1)
    async with a_reader(connection, custodian):
        await custodian.has(4)
    assert set(custodian.stored.values()) == {1}
    assert await uncommitted(connection) == 0
    (letter,) = await stored(connection, Channel.DEAD_LETTERS)
    said = DeadLetter.model_validate_json(letter.value or b"")
    assert (said.refusal, said.offset, said.value) == (Refusal.NO_SIGNATURE, 2, None)
