"""Rows are not enough: whoever may write the database, all of it, erases nothing without two people's own keys."""

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from contracts.command import Operation
from contracts.ids import RequestId
from contracts.keys import SigningKey
from orchestrator.domain.approval import Signature, approval_bytes
from orchestrator.domain.errors import Forbidden
from orchestrator.domain.request import State
from orchestrator.domain.task import TaskState
from orchestrator.settings import Role
from orchestrator.store.session import transactions
from tests.integration.road.people import (
    approved,
    awaiting_approval,
    handed_in,
    let_go,
    shown,
    signed,
    standing,
    state,
    the_usual,
)
from tests.integration.road.world import World

FORGE = text("""
    insert into approval (request, asking, plan_hash, opened_by, verified_by, first_by, first_kid, first_at,
                          first_signature, second_by, second_kid, second_at, second_signature, entry, void)
    select id, asking, plan_hash, opened_by, verified_by, :first_by, :first_kid, :at, :first, :second_by, :second_kid,
           :at, :second, gen_random_uuid(), false from request where id = :request
    on conflict (request, asking) do update set
        first_by = excluded.first_by, first_kid = excluded.first_kid, first_signature = excluded.first_signature,
        first_at = excluded.first_at, second_by = excluded.second_by, second_kid = excluded.second_kid,
        second_at = excluded.second_at, second_signature = excluded.second_signature
""")
LET_GO = text("update request set state = 'grace', grace_until = :at, wake_at = :at where id = :request")


async def forged(world: World, request: RequestId, first: Signature, second: Signature) -> None:
    """A superuser writes an approval that was never given."""
    async with transactions(world.owner)() as tx:
        row = {
            "request": request,
            "at": first.signed_at,
            "first_by": first.staff,
            "first_kid": first.kid,
            "first": first.value,
            "second_by": second.staff,
            "second_kid": second.kid,
            "second": second.value,
        }
        await tx.connection.execute(FORGE, row)


async def in_grace(world: World, request: RequestId) -> None:
    """A superuser moves the request on, too; the log then tells another story than the tables, for good."""
    world.tampered = True
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(LET_GO, {"request": request, "at": tx.now - timedelta(seconds=1)})


async def test_an_approval_written_by_hand_sends_no_command_and_raises_an_alarm(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    given = (await world.case(request)).approval
    assert given is not None
    assert given.second is not None
    made_up = Signature(
        staff="st_b", kid=given.second.kid, signed_at=given.first.signed_at, value=secrets.token_bytes(64)
    )
    await forged(world, request, given.first, made_up)
    await world.drive()
    assert profiles.asked(Operation.ERASE) == orders.asked(Operation.ERASE) == []
    assert "approval.signatures_unfit" in await world.events(request)
    assert await standing(world, request, Operation.ERASE) == dict.fromkeys(("orders", "profiles"), TaskState.HALTED)
    assert await state(world, request) is State.AWAITING_APPROVAL
    async with transactions(world.owner)() as tx:
        assert (await tx.connection.execute(text("select void from approval"))).scalars().all() == [True]


async def test_after_the_alarm_true_signatures_under_a_new_plan_let_it_go_on(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    given = (await world.case(request)).approval
    assert given is not None
    await forged(world, request, given.first, replace(given.first, staff="st_b"))
    await world.drive()
    assert (profiles.effects, orders.effects) == ([], [])
    await approved(world, request)
    await world.later(hours=1)
    assert (profiles.effects, len(orders.effects)) == (["p1"], 2)


async def test_one_true_signature_does_not_count_for_two(world: World) -> None:
    profiles, _ = await the_usual(world)
    request = await awaiting_approval(world)
    first = await signed(world, request, "st_a")
    second = replace(first, staff="st_b")
    await forged(world, request, first, second)
    await in_grace(world, request)
    await world.drive()
    assert profiles.asked(Operation.ERASE) == []
    assert "approval.signatures_unfit" in await world.events(request)


async def test_a_key_that_the_trust_list_does_not_name_approves_nothing(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    with pytest.raises(Forbidden, match="trust list"):
        await approved(world, request, "st_c")


async def test_a_trusted_name_with_a_key_of_somebody_else_approves_nothing(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    true = await signed(world, request, "st_a")
    async with world.tx[Role.API]() as tx:
        plan_hash = (await shown(world, tx, request)).hash
    stolen = SigningKey.generate(secrets.token_bytes(32))
    text_ = approval_bytes(environment="test", request=request, plan_hash=plan_hash, signed_at=true.signed_at)
    forgery = Signature(staff="st_a", kid=stolen.kid, signed_at=true.signed_at, value=stolen.sign(text_))
    for wrong in (forgery, replace(true, staff="st_b")):
        async with world.tx[Role.API]() as tx:
            with pytest.raises(Forbidden, match="trust list"):
                await handed_in(world, tx, request, wrong, plan_hash)


async def test_a_key_struck_off_the_list_after_signing_lets_nothing_leave(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    del world.trusted[world.approvers["st_b"].kid]
    await world.drive()
    assert (profiles.asked(Operation.ERASE), orders.asked(Operation.ERASE)) == ([], [])
    assert "approval.signatures_unfit" in await world.events(request)


async def test_the_opener_and_the_verifier_cannot_approve(world: World) -> None:
    await the_usual(world)
    request = await awaiting_approval(world)
    for name in ("st_support", "st_ver"):
        world.approvers[name] = world.approvers["st_a"]
        kid = world.approvers["st_a"].kid
        world.trusted[kid] = replace(world.trusted[kid], staff=name)
        with pytest.raises(Forbidden, match="third person"):
            await approved(world, request, name)


async def test_two_who_sign_at_the_same_moment_are_both_counted(world: World) -> None:
    await the_usual(world)
    for _ in range(5):
        request = await awaiting_approval(world)
        signatures = [await signed(world, request, name) for name in ("st_a", "st_b")]
        await asyncio.gather(*(_handed_in(world, request, each) for each in signatures))
        assert await state(world, request) is State.GRACE


async def _handed_in(world: World, request: RequestId, signature: Signature) -> None:
    async with world.tx[Role.API]() as tx:
        await handed_in(world, tx, request, signature)
