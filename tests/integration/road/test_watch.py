"""Nobody works on a database that fell back: the notary finds out, and every process ends by itself."""

import asyncio
import stat

import asyncpg
import pytest

from orchestrator.domain.request import Kind
from orchestrator.entrypoints.notary import Head, Notary, RecoveryNeeded, head_file
from orchestrator.entrypoints.watch import Recovered, Watch, check
from orchestrator.settings import Role
from orchestrator.store.recovery import Standing, standing
from tests.integration.road.people import opened
from tests.integration.road.restoring import backed_up, exported, recovered
from tests.integration.road.world import World


def a_notary(world: World) -> Notary:
    return Notary(transaction=world.tx[Role.NOTARY], home=world.folder)


async def stands(world: World) -> Standing:
    async with world.tx[Role.ENGINE]() as tx:
        return await standing(tx)


async def looks_twice(watch: Watch) -> None:
    """Until it raises; a change of the database between two looks is seen by the second."""
    async with asyncio.timeout(20):
        await watch.until(asyncio.Event())


def a_watch(world: World, role: Role = Role.ENGINE) -> Watch:
    return Watch(transaction=world.tx[role], home=world.folder / "elsewhere", turned=lambda _: None)


async def test_the_notary_refuses_a_log_that_became_shorter_and_tells_everybody(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    backup = await backed_up(world, postgres_admin)
    await opened(world, Kind.ACCESS)
    assert await a_notary(world).once() == 1
    await backup.restored()
    with pytest.raises(RecoveryNeeded, match="dsar recover"):
        await a_notary(world).once()
    with pytest.raises(RecoveryNeeded, match="dsar recover"):  # where its file is not
        await check(world.tx[Role.DISPATCHER_ERASURE], world.folder / "elsewhere")
    await opened(world, Kind.ACCESS)
    with pytest.raises(RecoveryNeeded):
        await a_notary(world).once()
    assert (await stands(world)).size == 0


async def test_who_shares_the_notarys_home_refuses_before_the_notary_has_looked(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    backup = await backed_up(world, postgres_admin)
    await opened(world, Kind.ACCESS)
    await a_notary(world).once()
    await check(world.tx[Role.API], world.folder)
    await backup.restored()
    with pytest.raises(RecoveryNeeded):
        await check(world.tx[Role.API], world.folder)


async def test_a_process_ends_when_the_database_falls_back_under_it(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    backup = await backed_up(world, postgres_admin)
    await opened(world, Kind.ACCESS)
    await a_notary(world).once()
    watch = a_watch(world)
    looking = asyncio.create_task(looks_twice(watch))
    assert (await watch.begun()).size == 1
    await backup.restored()
    with pytest.raises(RecoveryNeeded):
        await looking


async def test_a_process_ends_when_somebody_else_took_the_backup_up(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    backup = await backed_up(world, postgres_admin)
    watch = a_watch(world)
    looking = asyncio.create_task(looks_twice(watch))
    await watch.begun()
    await recovered(world, backup, [])
    with pytest.raises(Recovered):
        await looking
    await check(world.tx[Role.ENGINE], world.folder)


async def test_the_file_is_private_and_never_ahead_nor_made_smaller(world: World) -> None:
    await opened(world, Kind.ACCESS)
    first, second = a_notary(world), a_notary(world)
    assert await first.once() == 1
    assert await second.once() == 0
    log = (await stands(world)).log
    file = head_file(world.folder, log)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    known = Head.read(world.folder, log)
    assert known == Head(size=1, generation=0)
    assert Head(size=0, generation=0).write(world.folder, log)
    assert Head.read(world.folder, log) == known


async def test_after_recovery_the_notary_goes_on_above_what_it_knew(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    backup = await backed_up(world, postgres_admin)
    await opened(world, Kind.ACCESS)
    await a_notary(world).once()
    log = await exported(world)
    await backup.restored()
    await recovered(world, backup, log, known=1)
    await a_notary(world).once()
    assert (await stands(world)).size > len(log)
