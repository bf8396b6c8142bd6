"""A world whose database is backed up, goes on, and falls back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from contracts.answer import Answer
from contracts.command import Lane
from contracts.door import answers_door, open_envelopes
from contracts.ids import EventId, TaskId
from contracts.keys import KeyRing
from contracts.topics import Channel
from orchestrator.domain.stops import EVERYWHERE, What, Why, Wish
from orchestrator.flow import recovery
from orchestrator.flow.recovery import Known, Recovered
from orchestrator.settings import Role
from orchestrator.store import log as audit_log
from orchestrator.store import recovery as generations
from orchestrator.store import registry, stops
from orchestrator.store.views import log
from tests.integration import shared
from tests.integration.road.world import World


@dataclass(kw_only=True)
class Backup:
    """A copy of a world's database, and when it was made."""

    world: World
    admin: asyncpg.Connection
    url: str
    at: datetime

    async def restored(self) -> None:
        """The database is again what it was; the bus and the custodians are not."""
        await disconnected(self.world)
        await shared.drop_database(self.admin, self.world.url)
        await copy(self.admin, self.url, name_of(self.world.url))


async def backed_up(world: World, admin: asyncpg.Connection) -> Backup:
    async with world.transactions(world.owner)() as tx:
        at = tx.now
    await disconnected(world)
    made = f"backup_{uuid4().hex[:8]}"
    await copy(admin, world.url, made)
    return Backup(world=world, admin=admin, url=make_url(world.url).set(database=made).render_as_string(), at=at)


async def copy(admin: asyncpg.Connection, url: str, name: str) -> None:
    await admin.execute(f"create database {name} template {name_of(url)} strategy file_copy")


def name_of(url: str) -> str:
    return make_url(url).database or ""


async def disconnected(world: World) -> None:
    for engine in (*world.engines.values(), world.owner):
        await engine.dispose()


async def exported(world: World) -> list[bytes]:
    """The log, as somebody takes it away."""
    async with world.tx[Role.NOTARY]() as tx:
        while await audit_log.number(tx):
            pass
    async with world.tx[Role.API]() as tx:
        last = await log.last(tx)
    return [each.leaf async for each in log.entries(world.tx[Role.API], after=-1, last=last)]


async def size(world: World) -> int:
    """What the notary's own file would say."""
    async with world.tx[Role.NOTARY]() as tx:
        return (await generations.standing(tx)).size


async def recovered(world: World, backup: Backup, leaves: Sequence[bytes], *, known: int = 0) -> Recovered:
    """`dsar recover`, and every role started anew."""
    async with world.transactions(world.owner)() as tx:
        done = await recovery.recover(
            tx,
            Known(log=leaves, size=known),
            backup_at=backup.at,
            why=Why.DRILL,
            ticket=None,
            policy=world.policy,
            new_entry=lambda: EventId(uuid4()),
        )
        standing = await generations.standing(tx)
    world.policy = replace(world.policy, generation=standing.generation, recovered_at=standing.recovered_at)
    world.answers = world.an_engine()
    world.dispatchers = {lane: world.a_dispatcher(lane) for lane in Lane}
    world.reporter = world.a_reporter()
    return done


async def read_again(world: World) -> None:
    """The engine reads every answer there ever was."""
    await world.answers.handle(world.bus.read(Channel.ANSWERS))


async def answered(world: World) -> list[Answer]:
    """Every answer there ever was."""
    async with world.tx[Role.ENGINE]() as tx:
        ring = KeyRing(await registry.signing_keys(tx))
    door = answers_door(environment="test", ring=ring)
    opened = open_envelopes(world.bus.read(Channel.ANSWERS), door, int(world.now())).opened
    return [each.message for each in opened if isinstance(each.message, Answer)]


async def let_erase(world: World) -> None:
    """The operator has waited, and lets erasing go on."""
    wish = Wish(scope=EVERYWHERE, what=What.ERASURE, stopped=False, why=Why.RESOLVED)
    async with world.tx[Role.API]() as tx:
        await stops.turn(tx, wish, by="st_oncall", entry_id=EventId(uuid4()))


async def issued(world: World) -> set[TaskId]:
    """The ids of all tasks of which the database knows."""
    async with world.owner.connect() as connection:
        rows = (await connection.exec_driver_sql("select id from task")).all()
    return {TaskId(row.id) for row in rows}
