"""A report whose input cannot be read: it is said, holds nobody up, and can be tried again."""

from collections.abc import AsyncIterator

from sqlalchemy import text

from contracts.ids import RequestId
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.flow import review
from orchestrator.settings import Role
from orchestrator.store.session import transactions
from orchestrator.vault.blobs import part_name
from tests.integration.road.people import asked, ended, fetched, released, the_usual
from tests.integration.road.world import World

FROZEN_LONG_AGO = """
update report set frozen = jsonb_set(
    frozen, '{answers}',
    frozen -> 'answers' || jsonb_build_array(jsonb_build_array(cast(gen_random_uuid() as text), '')))
where request = :request
"""


async def a_part(world: World, request: RequestId) -> str:
    """The name of a part that some custodian uploaded for *request*."""
    task = next(each for each in (await world.case(request)).tasks if each.result)
    return part_name(request, task.id, task.issue_no, 0)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_a_part_that_is_gone_fails_its_own_report_and_no_other(world: World) -> None:
    await the_usual(world)
    broken, whole = await asked(world, Kind.ACCESS), await asked(world, Kind.ACCESS)
    await world.drive()
    name = await a_part(world, broken)
    held = await world.blobs.get(name)
    await world.blobs.delete(name)
    for request in (broken, whole):
        await released(world, request)
    await world.drive()
    stuck = (await world.case(broken)).request
    assert (stuck.state, stuck.blocked_by) == (State.REPORTING, Blocked.REPORT_FAILED)
    assert (await world.case(whole)).request.state is State.DELIVERABLE

    await world.blobs.put_stream(name, _once(held), limit=len(held))
    async with world.tx[Role.API]() as tx:
        await review.retry(tx, broken, by="st_oncall", policy=world.policy)
    await world.drive()
    await fetched(world, broken)
    assert await ended(world, broken) is Outcome.FULFILLED


async def test_a_forged_part_never_reaches_a_report(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    name = await a_part(world, request)
    await world.blobs.delete(name)
    await world.blobs.put_stream(name, _once(b"not what was uploaded"), limit=100)
    await released(world, request)
    await world.drive()
    assert (await world.case(request)).request.blocked_by is Blocked.REPORT_FAILED


async def test_a_report_is_not_built_without_an_answer_that_it_was_frozen_with(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await released(world, request)
    async with transactions(world.owner)() as tx:
        lost = "delete from answer where ctid = (select min(ctid) from answer where request = :request)"
        await tx.connection.execute(text(lost), {"request": request})
    await world.drive()
    assert (await world.case(request)).request.blocked_by is Blocked.REPORT_FAILED


async def test_a_task_that_was_frozen_without_an_answer_is_not_missed(world: World) -> None:
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await released(world, request)
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text(FROZEN_LONG_AGO), {"request": request})
    await world.drive()
    assert (await world.case(request)).request.state is State.DELIVERABLE
