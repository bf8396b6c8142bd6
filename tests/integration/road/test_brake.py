"""A brake that was pulled waits for a person; what was refused is then in the dead letters, and reading goes on."""

import asyncio
from uuid import uuid4

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.ids import EventId
from contracts.topics import Channel
from orchestrator.entrypoints.letterbox import KafkaLetterBox
from orchestrator.flow import letters
from orchestrator.flow.letters import Because, Reason
from orchestrator.settings import Role
from tests.integration.road.engines import unread, until
from tests.integration.road.test_roles import running, stops_in_time
from tests.integration.road.world import World

RUBBISH = 25


async def test_a_person_lets_rubbish_pass_that_had_stopped_the_engine(world: World, connection: Connection) -> None:
    async def braked() -> bool:
        return b"bus.brake_pulled" in (world.folder / "roles.log").read_bytes()

    async def through() -> bool:
        there, committed = await unread(connection)
        return there == committed == RUBBISH

    async with Sender(connection) as sender:
        topic = connection.topic(Channel.ANSWERS)
        await asyncio.gather(*(sender.send_raw(topic, b"key", b"rubbish", []) for _ in range(RUBBISH)))
    async with running(world, connection, Role.ENGINE) as process:
        await until(braked)
        async with world.tx[Role.API]() as tx:
            because = Because(reason=Reason.DRILL, ticket=None, by="st_oncall")
            await letters.let_pass(tx, EventId(uuid4()), because)
        await until(through, within_s=40.0)  # it looks again after a wait, at last of half a minute
        await stops_in_time(process)
    assert len(await KafkaLetterBox(connection).newest(limit=100)) == RUBBISH
    assert [each.event for each in await world.log() if each.request is None][-1] == "brake.released"
