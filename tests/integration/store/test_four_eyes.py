"""What the database refuses, whoever writes it: too few eyes, an erase without approval, an end without outcome."""

from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from contracts.ids import RequestId
from orchestrator.domain.request import Kind
from orchestrator.store.session import transactions
from tests.integration.road.people import asked, the_usual
from tests.integration.road.world import World

APPROVAL = """
    insert into approval (request, asking, plan_hash, opened_by, verified_by, first_by, first_kid, first_at,
                          first_signature, second_by, second_kid, second_at, second_signature, entry, void)
    values (:request, 1, 'hash', :opened_by, :verified_by, :first_by, 'kid', now(), '', :second_by, 'kid', now(), '',
            null, false)
"""
TASK = """
    insert into task (id, request, custodian, operation, round, state, asking, result, since)
    values (:id, :request, 'orders', :operation, 7, :state, :asking, '[]', now())
"""
FOUR = {"opened_by": "st_support", "verified_by": "st_ver", "first_by": "st_a", "second_by": "st_b"}


async def written(world: World, statement: str, **values: object) -> None:
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(text(statement), values)


async def an_erasure(world: World) -> RequestId:
    await the_usual(world)
    return await asked(world, Kind.ERASURE)


async def approval(world: World, request: RequestId, **who: str | None) -> None:
    await written(world, APPROVAL, **FOUR | {"request": request} | who)


async def test_four_different_people_are_enough(world: World) -> None:
    request = await an_erasure(world)
    await approval(world, request)


@pytest.mark.parametrize(
    ("who", "constraint"),
    [
        ({"second_by": "st_a"}, "second_is_a_fourth"),
        ({"first_by": "st_support"}, "first_is_a_third"),
        ({"first_by": "st_ver"}, "first_is_a_third"),
        ({"second_by": "st_support"}, "second_is_a_fourth"),
        ({"second_by": "st_ver"}, "second_is_a_fourth"),
        ({"opened_by": "st_else"}, "fk_approval"),
        ({"verified_by": "st_else"}, "fk_approval"),
    ],
    ids=lambda each: " ".join(*each.items()) if isinstance(each, dict) else each,
)
async def test_fewer_than_four_eyes_cannot_be_written(world: World, who: dict[str, str], constraint: str) -> None:
    request = await an_erasure(world)
    with pytest.raises(IntegrityError, match=constraint):
        await approval(world, request, **who)


async def test_who_verified_cannot_be_changed_under_an_approval(world: World) -> None:
    request = await an_erasure(world)
    await approval(world, request)
    with pytest.raises(IntegrityError, match="fk_approval"):
        await written(world, "update request set verified_by = 'st_else'")


async def test_an_erase_task_needs_an_approval_that_exists(world: World) -> None:
    request = await an_erasure(world)
    task = {"id": uuid4(), "request": request, "operation": "erase", "state": "planned"}
    with pytest.raises(IntegrityError, match="erase_has_approval"):
        await written(world, TASK, **task, asking=None)
    with pytest.raises(IntegrityError, match="fk_task"):
        await written(world, TASK, **task, asking=1)
    await approval(world, request)
    await written(world, TASK, **task, asking=1)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'closed', outcome = null", "closed_has_outcome"),
        ("state = 'reviewing'", "ck_request_state"),  # an access has it, an erasure has not
        ("state = 'finished'", "ck_request_state"),
        ("outcome = 'forgotten'", "ck_request_outcome"),
    ],
)
async def test_a_request_stands_only_where_one_of_its_kind_can(world: World, change: str, constraint: str) -> None:
    await an_erasure(world)
    with pytest.raises(IntegrityError, match=constraint):
        await written(world, f"update request set {change}")


@pytest.mark.parametrize(("column", "constraint"), [("state", "task_state"), ("operation", "task_operation")])
async def test_a_task_has_only_words_that_the_domain_knows(world: World, column: str, constraint: str) -> None:
    request = await an_erasure(world)
    task: dict[str, object] = {"id": uuid4(), "request": request, "operation": "probe", "state": "planned"}
    with pytest.raises(IntegrityError, match=constraint):
        await written(world, TASK, **task | {column: "nonsense"}, asking=None)
