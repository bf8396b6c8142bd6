"""Answers on a real broker: bad ones are put aside one by one, and while the database is down nothing is committed."""

import asyncpg
from sqlalchemy import make_url

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.command import Operation
from contracts.dead_letter import Refusal
from contracts.envelope import Envelope
from contracts.ids import RequestId
from contracts.topics import Channel
from orchestrator.domain.request import Kind, State
from orchestrator.entrypoints.letterbox import KafkaLetterBox
from tests.integration.road.custodian import Holding
from tests.integration.road.engines import an_engine, unread, until
from tests.integration.road.people import ANN, a_profile, admitted, asked, standing, state
from tests.integration.road.world import World


async def one_answer(world: World) -> tuple[RequestId, Envelope]:
    """An access of one custodian, and its true answer."""
    profiles = a_profile()
    profiles.provides, profiles.holdings = (), [Holding(key="p1", about=(ANN,))]
    await admitted(world, profiles)
    request = await asked(world, Kind.ACCESS)
    await world.dispatch()
    (answer,) = await world.answered_by(profiles)
    return request, answer


async def test_bad_records_are_put_aside_one_by_one_and_the_good_one_is_filed(
    world: World, connection: Connection
) -> None:
    request, good = await one_answer(world)
    topic = connection.topic(Channel.ANSWERS)
    async with Sender(connection) as sender:
        await sender.send_raw(topic, good.key, b"not an answer", [])
        await sender.send_raw(topic, good.key, good.value, [("kid", b"\xff"), *good.headers])
        await sender.send_raw(topic, good.key, good.value[:-1] + b" ", good.headers)
        await sender.send([good])
        await sender.send_raw(topic, good.key, None, [])
        async with an_engine(world, connection, sender):
            await until(lambda: all_committed(connection, 5))
    letters = await KafkaLetterBox(connection).newest(limit=9)
    assert sorted(each.letter.refusal for each in letters) == [
        Refusal.BAD_SIGNATURE,
        Refusal.NO_SIGNATURE,
        Refusal.NO_SIGNATURE,
        Refusal.WRONG_HEADERS,
    ]
    assert await standing(world, request, Operation.COLLECT) == {"profiles": "done"}


async def all_committed(connection: Connection, count: int) -> bool:
    return await unread(connection) == (count, count)


async def tried(tries: list[int], times: int) -> bool:
    return len(tries) >= times


async def test_while_the_database_is_down_nothing_is_committed_and_nothing_lost(
    world: World, connection: Connection, postgres_admin: asyncpg.Connection
) -> None:
    request, good = await one_answer(world)
    name = make_url(world.url).database
    async with Sender(connection) as sender:
        await postgres_admin.execute(f"alter database {name} allow_connections false")
        await postgres_admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name)
        await sender.send([good])
        async with an_engine(world, connection, sender) as tries:
            await until(lambda: tried(tries, 3))
            assert await unread(connection) == (1, 0)
            await postgres_admin.execute(f"alter database {name} allow_connections true")
            await until(lambda: all_committed(connection, 1))
    assert await state(world, request) is State.REVIEWING
    assert (await world.events(request)).count("answer.accepted") == 1
    assert await KafkaLetterBox(connection).newest(limit=9) == []
