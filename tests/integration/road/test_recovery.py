"""A database that falls back to a backup: what was decided since is decided again, and nothing is done twice."""

from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import text

from contracts.command import Operation
from contracts.ids import EventId, RequestId
from orchestrator.audit.fold import fold
from orchestrator.audit.leaf import parse
from orchestrator.audit.outside import UnfitLog
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Event
from orchestrator.domain.recovery import ERASE_MAY_RUN_FOR
from orchestrator.domain.request import Kind, Outcome, State
from orchestrator.domain.staff import Role as StaffRole
from orchestrator.domain.stops import What, Why, Wish
from orchestrator.flow import staff
from orchestrator.settings import Role
from orchestrator.store import staff as people
from orchestrator.store import stops
from tests.integration.road.people import (
    approved,
    asked,
    awaiting_approval,
    cancelled,
    ended,
    fetched,
    handed_in,
    let_go,
    opened,
    released,
    signed,
    state,
    the_usual,
)
from tests.integration.road.restoring import (
    answered,
    backed_up,
    exported,
    issued,
    let_erase,
    read_again,
    recovered,
    size,
)
from tests.integration.road.world import World


async def approved_in_grace(world: World) -> RequestId:
    request = await awaiting_approval(world)
    await approved(world, request)
    return request


async def closed_by_report(world: World, request: RequestId) -> None:
    await released(world, request)
    await world.drive()
    await fetched(world, request)


async def test_what_was_decided_since_the_backup_is_decided_again(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    both = await the_usual(world)
    stopped, goes_on = await approved_in_grace(world), await approved_in_grace(world)
    report = await asked(world, Kind.ACCESS)
    await world.drive()
    backup = await backed_up(world, postgres_admin)
    before = await issued(world)
    await cancelled(world, stopped)
    await closed_by_report(world, report)
    late = await opened(world, Kind.ACCESS)
    await world.later(hours=1, minutes=1)
    assert (await ended(world, goes_on), await state(world, report)) == (Outcome.ERASED, State.CLOSED)
    effects = [each.effects[:] for each in both]
    log, used = await exported(world), await issued(world)

    await backup.restored()
    assert await state(world, stopped) is State.GRACE
    done = await recovered(world, backup, log)
    assert [each.id for each in done.lost] == [late]
    assert {stopped, report, goes_on} == set(done.closed_again)
    assert await ended(world, stopped) is Outcome.CANCELLED
    assert await ended(world, goes_on) is Outcome.ERASED
    assert await ended(world, report) is Outcome.FULFILLED
    await read_again(world)
    await world.later(days=3)
    assert [each.effects for each in both] == effects
    assert (await issued(world) - before) & used == set()
    assert world.bus.letters() == []


async def test_an_erasure_that_had_gone_on_is_approved_again_and_erases_what_is_left(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    profiles, orders = await the_usual(world)
    request = await approved_in_grace(world)
    given = await signed(world, request, "st_a")
    async with world.tx[Role.API]() as tx:
        old_hash = (await tx.connection.execute(text("select plan_hash from request"))).scalar_one()
    backup = await backed_up(world, postgres_admin)
    orders.silent = True
    await world.later(hours=1, minutes=1)
    assert (profiles.effects, orders.effects) == (["p1"], [])
    log, used = await exported(world), await issued(world)

    await backup.restored()
    await recovered(world, backup, log)
    await read_again(world)
    assert "answer.of_lost_task" in await world.events(request)
    world.ahead += ERASE_MAY_RUN_FOR
    orders.silent = False
    await world.drive()
    with pytest.raises(Conflict):
        async with world.tx[Role.API]() as tx:
            await handed_in(world, tx, request, given, old_hash)
    await approved(world, request)
    await world.later(hours=1, minutes=1)
    assert (await state(world, request), orders.effects) == (State.GRACE, [])  # erasing is stopped
    await let_erase(world)
    await world.drive()
    assert (await ended(world, request), orders.effects, profiles.effects) == (Outcome.ERASED, ["o1", "o2"], ["p1"])
    erasures = [each for each in await answered(world) if each.operation is Operation.ERASE]
    assert len({each.task_id for each in erasures}) == len({(each.task_id, each.custodian) for each in erasures})
    assert not {each.id for each in (await world.case(request)).tasks if each.operation is Operation.ERASE} & used


async def test_an_erasure_that_was_under_way_at_the_backup_ends(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    both = await the_usual(world)
    request = await let_go(world)
    await world.dispatch()
    backup = await backed_up(world, postgres_admin)
    await world.drive()
    assert await ended(world, request) is Outcome.ERASED
    log = (await exported(world))[:-4]  # the last export was made before its end

    await backup.restored()
    done = await recovered(world, backup, log, known=len(log) + 4)
    assert (done.numbers_lost, done.closed_again) == (4, ())
    await read_again(world)
    await world.drive()
    assert await state(world, request) is State.AWAITING_APPROVAL
    await approved(world, request)
    await let_erase(world)
    await world.later(hours=1, minutes=1)
    assert await ended(world, request) is Outcome.ERASED
    assert [each.effects for each in both] == [["p1"], ["o1", "o2"]]
    world.holes = 4


async def test_the_log_tells_one_story_though_its_end_was_lost(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    backup = await backed_up(world, postgres_admin)
    await world.drive()
    log, given = await exported(world), await size(world)
    assert given == len(log)
    kept = log[:-2]
    await backup.restored()
    done = await recovered(world, backup, kept, known=given)
    assert done.numbers_lost == 2
    await read_again(world)
    await world.drive()
    await exported(world)
    async with world.tx[Role.NOTARY]() as tx:
        rows = (await tx.connection.execute(text("select seq, leaf from audit_entry order by seq"))).all()
    assert [row.leaf for row in rows][: len(kept)] == kept
    assert not {row.seq for row in rows} & {given - 2, given - 1}
    ids = [parse(row.leaf).id for row in rows]
    assert len(set(ids)) == len(ids)
    assert not {parse(each).id for each in log[-2:]} & set(ids)
    assert fold(parse(row.leaf) for row in rows)[request].state is await state(world, request)
    world.holes = 2


async def test_taking_the_same_backup_up_twice_is_taking_it_up_once(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    await the_usual(world)
    await approved_in_grace(world)
    backup = await backed_up(world, postgres_admin)
    log = await exported(world)
    await backup.restored()
    first = await recovered(world, backup, log)
    tasks = await issued(world)
    second = await recovered(world, backup, log)
    assert (second.again, second.generation, await issued(world)) == (True, first.generation, tasks)


async def test_a_backup_restored_a_second_time_has_another_generation(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    backup = await backed_up(world, postgres_admin)
    await backup.restored()
    first = await recovered(world, backup, [])
    mine = await issued(world)
    await world.later(seconds=2)
    await backup.restored()
    second = await recovered(world, backup, [])  # though nobody has kept anything of the first
    assert second.generation > first.generation
    old = {each.id for each in (await world.case(request)).tasks if not each.is_open}
    assert mine & await issued(world) == old


async def test_the_log_of_another_database_is_refused(world: World, postgres_admin: asyncpg.Connection) -> None:
    await the_usual(world)
    backup = await backed_up(world, postgres_admin)
    log = await exported(world)
    log[0] = log[0].replace(b"st_admin", b"st_other")
    with pytest.raises(UnfitLog, match="entry 0"):
        await recovered(world, backup, log)


async def test_who_was_disabled_and_what_was_stopped_since_stays_so(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    await the_usual(world)
    async with world.tx[Role.API]() as tx:
        await staff.add(tx, EventId(uuid4()), staff="st_gone", name="Robin", roles=[StaffRole.ADMIN], by="st_admin")
    backup = await backed_up(world, postgres_admin)
    wish = Wish(scope="orders", what=What.COMMANDS, stopped=True, why=Why.OVERLOAD, ticket="OPS-7")
    async with world.tx[Role.API]() as tx:
        await staff.disable(tx, EventId(uuid4()), staff="st_gone", by="st_admin")
        await staff.add(tx, EventId(uuid4()), staff="st_new", name="Sam", roles=[StaffRole.SUPPORT], by="st_admin")
        await stops.turn(tx, wish, by="st_oncall", entry_id=EventId(uuid4()))
    log = await exported(world)
    await backup.restored()
    done = await recovered(world, backup, log)
    assert (done.staff_disabled, done.staff_lost, done.stopped) == (("st_gone",), ("st_new",), ("orders",))
    async with world.tx[Role.API]() as tx:
        assert await people.lock(tx, "st_gone") is None
        assert (await stops.standing(tx)).pulled == {("orders", What.COMMANDS), ("*", What.ERASURE)}


async def test_an_answer_of_a_request_that_is_lost_is_a_fact_of_the_log_and_filed_once(
    world: World, postgres_admin: asyncpg.Connection
) -> None:
    await the_usual(world)
    backup = await backed_up(world, postgres_admin)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    log = await exported(world)
    await backup.restored()
    done = await recovered(world, backup, log)
    assert [each.id for each in done.lost] == [request]
    await read_again(world)
    await read_again(world)
    told = [each for each in await world.log() if each.event is Event.ANSWER_OF_LOST_TASK]
    assert [each.facts["request"] for each in told] == [str(request)] * 2
    assert {str(each.custodian) for each in told} == {"profiles", "orders"}
    assert world.bus.letters() == []
