"""Dead letters on a real broker: looked at by people, and sent again once what was wrong has been put right."""

import pytest
from sqlalchemy import text

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.dead_letter import Refusal
from contracts.ids import RequestId
from contracts.topics import Channel
from orchestrator.domain.request import Kind, State
from orchestrator.entrypoints.api.letters import Unreachable
from orchestrator.entrypoints.letterbox import KafkaLetterBox, broker_answers
from orchestrator.store.session import transactions
from tests.integration.road.engines import an_engine, until
from tests.integration.road.people import asked, state, the_usual
from tests.integration.road.world import World


async def revoke(world: World, when: str) -> None:
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text(f"update custodian_key set revoked_at = {when} where use = 'sign'"))


async def test_what_was_refused_for_its_key_is_filed_when_it_is_sent_again_after_the_key_counts(
    world: World, connection: Connection
) -> None:
    profiles, orders = await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.dispatch()
    (answer,) = await world.answered_by(profiles)
    await revoke(world, "now()")
    box = KafkaLetterBox(connection)
    async with Sender(connection) as sender, an_engine(world, connection, sender):
        await sender.send([answer])
        await until(lambda: has_letters(box, 1))
        (letter,) = await box.newest(limit=9)
        assert letter.letter.refusal is Refusal.UNKNOWN_KEY
        assert await state(world, request) is State.SEARCHING
        await revoke(world, "null")
        await box.replay(letter)
        await until(lambda: was_answered(world, request))
    assert len(await box.newest(limit=9)) == 1
    assert orders.commands == []


async def has_letters(box: KafkaLetterBox, count: int) -> bool:
    return len(await box.newest(limit=9)) == count


async def was_answered(world: World, request: RequestId) -> bool:
    return (await world.events(request)).count("answer.accepted") == 1


async def test_a_letter_is_found_by_its_place_and_the_newest_come_first(world: World, connection: Connection) -> None:
    topic = connection.topic(Channel.ANSWERS)
    box = KafkaLetterBox(connection)
    async with Sender(connection) as sender, an_engine(world, connection, sender):
        for _ in range(3):
            await sender.send_raw(topic, b"one partition", b"not an answer", [])
        await until(lambda: has_letters(box, 3))
    assert [each.offset for each in await box.newest(limit=9)] == [2, 1, 0]
    newest = await box.newest(limit=2)
    assert [each.offset for each in newest] == [2, 1]
    assert await box.read(newest[0].partition, newest[0].offset) == newest[0]
    assert await box.read(0, 99) is None
    assert await box.read(7, 0) is None


async def test_a_broker_that_is_not_there_is_said_to_be_out_of_reach() -> None:
    nowhere = Connection(bootstrap="127.0.0.1:1", client_id="test")
    assert not await broker_answers(nowhere)
    with pytest.raises(Unreachable):
        await KafkaLetterBox(nowhere).newest(limit=1)


async def test_a_broker_that_is_there_answers(connection: Connection) -> None:
    assert await broker_answers(connection)
