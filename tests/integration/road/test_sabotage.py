"""One broken or forged row, key or file concerns its own request or custodian, and nobody else."""

from base64 import b64encode
from uuid import uuid4

import pytest
from sqlalchemy import TextClause, text

from contracts.command import Operation
from contracts.ids import CustodianId, EventId, RequestId
from contracts.manifest import KeyDeclared, KeyUse
from contracts.parts import SealedNotes
from contracts.signed_manifest import sign_manifest
from orchestrator.domain.errors import Forbidden, InvalidInput
from orchestrator.domain.events import Event
from orchestrator.domain.request import Blocked, Kind, State
from orchestrator.flow import registry
from orchestrator.settings import Role
from orchestrator.store import keys
from orchestrator.store.session import transactions
from orchestrator.vault.identifiers import blind, seal_identifier
from tests.integration.road.people import C2, a_profile, asked, let_go, released, state, the_usual
from tests.integration.road.world import World

SWAP = text("update identifier set sealed = :sealed where request = :request and kind = 'customer_id'")
SLIP_IN = text("""
    insert into identifier (request, n, kind, sealed, blind, standing, admitted_in)
    values (:request, 99, 'customer_id', :sealed, :blind, 'admitted', 1)
""")
SPOIL = text("update request_key set wrapped = 'another:key' where request = :request and use = 'link'")


async def sabotaged(world: World, statement: TextClause, request: RequestId, **values: object) -> None:
    """Somebody with every right in the database writes a row by hand."""
    async with transactions(world.owner)() as tx:
        await tx.connection.execute(statement, {"request": request, **values})


async def somebody_else(world: World, request: RequestId) -> str:
    """Another person's customer id, sealed as that of this request: the public key is all that it takes."""
    async with world.tx[Role.API]() as tx:
        public = (await keys.of_request(tx, request)).link.public
    return seal_identifier(C2, public, request)


async def test_an_identifier_slipped_in_after_the_signatures_erases_nobody(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    forged = {"sealed": await somebody_else(world, request), "blind": blind(world.blind_key, C2)}
    await sabotaged(world, SLIP_IN, request, **forged)
    await world.drive()
    assert not orders.asked(Operation.ERASE)
    assert not profiles.asked(Operation.ERASE)
    assert Event.SIGNATURES_UNFIT in [each.event for each in await world.log() if each.request == request]


async def test_a_value_swapped_beside_its_index_leaves_for_nobody_and_ends_the_approval(world: World) -> None:
    profiles, orders = await the_usual(world)
    request = await let_go(world)
    await sabotaged(world, SWAP, request, sealed=await somebody_else(world, request))
    await world.dispatch()
    assert not orders.asked(Operation.ERASE)
    assert not profiles.asked(Operation.ERASE)
    assert Event.SIGNATURES_UNFIT in [each.event for each in await world.log() if each.request == request]
    await world.drive()
    assert await state(world, request) is State.AWAITING_APPROVAL


async def test_a_request_that_cannot_be_opened_does_not_hold_up_the_others(world: World) -> None:
    await the_usual(world)
    broken, whole = await asked(world, Kind.ACCESS), await asked(world, Kind.ACCESS)
    await sabotaged(world, SPOIL, broken)
    await world.turn()
    await world.turn()
    await world.turn()
    assert await state(world, whole) is State.REVIEWING
    assert await state(world, broken) is State.SEARCHING


async def test_what_cannot_leave_is_tried_again_ever_later(world: World) -> None:
    await the_usual(world)
    broken = await asked(world, Kind.ACCESS)
    await sabotaged(world, SPOIL, broken)
    for _ in range(20):
        await world.turn()
        world.ahead += world.policy.grace / 360  # ten seconds
    issues = max(each.issue_no for each in (await world.case(broken)).tasks)
    assert 3 <= issues <= 7


async def test_a_content_key_that_is_none_fails_its_own_report(world: World) -> None:
    profiles, _ = await the_usual(world)
    profiles.seals = SealedNotes(content_key=b64encode(b"too short").decode())
    broken = await asked(world, Kind.ACCESS)
    await world.drive()
    profiles.seals = None
    whole = await asked(world, Kind.ACCESS)
    await world.drive()
    for request in (broken, whole):
        await released(world, request)
    await world.drive()
    assert (await world.case(broken)).request.blocked_by is Blocked.REPORT_FAILED
    assert await state(world, whole) is State.DELIVERABLE


@pytest.mark.parametrize(
    ("use", "public"), [(KeyUse.SIGN, b"short"), (KeyUse.SEAL, b"short"), (KeyUse.SEAL, bytes(32))]
)
async def test_a_key_that_is_none_is_not_admitted(world: World, use: KeyUse, public: bytes) -> None:
    custodian = a_profile()
    manifest = custodian.signed_manifest().opened()
    extra = KeyDeclared(use=use, public=b64encode(public).decode())
    spoilt = manifest.model_copy(update={"keys": (*manifest.keys, extra)})
    async with world.tx[Role.API]() as tx:
        with pytest.raises(InvalidInput):
            await registry.admit(tx, sign_manifest(spoilt, custodian.signer), by="st_admin", entry_id=EventId(uuid4()))


async def test_a_key_of_another_custodian_is_not_admitted(world: World) -> None:
    profiles, _ = await the_usual(world)
    copied = sign_manifest(profiles.manifest.model_copy(update={"id": CustodianId("copycat")}), profiles.signer)
    async with world.tx[Role.API]() as tx:
        with pytest.raises(Forbidden):
            await registry.admit(tx, copied, by="st_admin", entry_id=EventId(uuid4()))
