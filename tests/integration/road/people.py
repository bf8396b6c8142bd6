"""What people do: open a request, look at a person, sign a plan, release, fetch, stop."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from contracts.command import Operation
from contracts.identifiers import Identifier, IdentifierKind, identifier
from contracts.ids import CustodianId, EventId, RequestId
from contracts.results import Result
from orchestrator.domain.approval import Signature, approval_bytes
from orchestrator.domain.case import only
from orchestrator.domain.events import Detail
from orchestrator.domain.request import Kind, Outcome, State
from orchestrator.domain.task import newest
from orchestrator.entrypoints.api.together import Together
from orchestrator.flow import approval, ending, identity, intake, registry, reports, review
from orchestrator.flow.approval import ShownPlan
from orchestrator.flow.intake import Form
from orchestrator.settings import Role
from orchestrator.store import keys
from orchestrator.store.reports import Built
from orchestrator.store.requests import Opening
from orchestrator.store.session import Transaction
from orchestrator.vault.details import seal_detail
from tests.integration.road.custodian import FakeCustodian, Holding
from tests.integration.road.world import World

EMAIL, CUSTOMER = IdentifierKind.EMAIL, IdentifierKind.CUSTOMER_ID
ANN = identifier("email", "ann@example.com")
C1, C2 = identifier("customer_id", "c1"), identifier("customer_id", "c2")
"""Ann's, and somebody else's."""
NOBODY = identifier("email", "nobody@example.com")


def a_profile() -> FakeCustodian:
    """Finds people by e-mail, and knows their customer ids."""
    ann = Holding(key="p1", about=(ANN,), names=(C1,))
    return FakeCustodian(id=CustodianId("profiles"), needs=(EMAIL,), provides=(CUSTOMER,), holdings=[ann])


def an_order_book() -> FakeCustodian:
    """Finds people by customer id only."""
    held = [Holding(key="o1", about=(C1,)), Holding(key="o2", about=(C1,)), Holding(key="o3", about=(C2,))]
    return FakeCustodian(id=CustodianId("orders"), needs=(CUSTOMER,), holdings=held)


async def admitted(world: World, *custodians: FakeCustodian) -> None:
    for each in custodians:
        world.custodians[each.id] = each
        async with world.tx[Role.API]() as tx:
            await registry.admit(tx, each.signed_manifest(), by="st_admin", entry_id=EventId(uuid4()))


async def the_usual(world: World) -> tuple[FakeCustodian, FakeCustodian]:
    """Profiles and orders, admitted."""
    both = a_profile(), an_order_book()
    await admitted(world, *both)
    return both


async def detail(world: World, request: RequestId, said: str) -> Detail:
    async with world.tx[Role.API]() as tx:
        pairs = await keys.of_request(tx, request)
    return seal_detail(said, link_public=pairs.link.public, request_id=request, salt=secrets.token_bytes(32))


async def an_opening(world: World, kind: Kind, *who: Identifier) -> Opening:
    today = datetime.fromtimestamp(world.now(), UTC).date()
    form = Form(
        kind=kind,
        identifiers=who or (ANN,),
        regime="eu_gdpr",
        received_on=today - timedelta(days=1),
        controller="Example",
        idempotency_key=str(uuid4()),
    )
    return await intake.prepare(
        form,
        request=RequestId(uuid4()),
        seeds=(secrets.token_bytes(32), secrets.token_bytes(32)),
        link_kms=world.link,
        reply_kms=world.reply,
        blind_key=world.blind_key,
        by="st_support",
    )


async def opened(world: World, kind: Kind, *who: Identifier) -> RequestId:
    """A request, received."""
    opening = await an_opening(world, kind, *who)
    async with world.tx[Role.API]() as tx:
        await intake.open_(tx, [opening])
    return opening.request.id


async def asked(world: World, kind: Kind, *who: Identifier) -> RequestId:
    """A request of a person who is verified: the search has begun, nothing has left yet."""
    request = await opened(world, kind, *who)
    evidence = await detail(world, request, "passport of Ann Canary seen at the counter")
    async with world.tx[Role.API]() as tx:
        await confirmed(world, tx, request, evidence)
    return request


async def confirmed(world: World, tx: Transaction, request: RequestId, evidence: Detail) -> None:
    """The verifier has seen who asks."""
    verdict = identity.Verdict(request=request, confirmed=True, method="id_card", evidence=evidence)
    only(await identity.judge(tx, [verdict], by="st_ver", policy=world.policy))


async def shown(world: World, tx: Transaction, request: RequestId) -> ShownPlan:
    """The plan as it is to be signed now."""
    return only(await approval.show(tx, [request], policy=world.policy))


async def handed_in(
    world: World, tx: Transaction, request: RequestId, signature: Signature, plan_hash: str | None = None
) -> None:
    """Hand one signature in, under the plan as it stands or under *plan_hash*."""
    seen = plan_hash or (await shown(world, tx, request)).hash
    signed_ = approval.Signed(request=request, plan_hash=seen, signature=signature)
    only(await approval.approve(tx, [signed_], trust=world.trusted, policy=world.policy))


async def signed(world: World, request: RequestId, name: str, *, plan_hash: str | None = None) -> Signature:
    """The signature of one person under the plan as it is shown now."""
    async with world.tx[Role.API]() as tx:
        plan = await shown(world, tx, request)
        at = tx.now.replace(microsecond=0)
    key = world.approvers[name]
    text = approval_bytes(environment="test", request=request, plan_hash=plan_hash or plan.hash, signed_at=at)
    return Signature(staff=name, kid=key.kid, signed_at=at, value=key.sign(text))


async def approved(world: World, request: RequestId, *names: str) -> None:
    """These people look at the plan and sign it; both who usually do, if none is named."""
    for name in names or ("st_a", "st_b"):
        signature = await signed(world, request, name)
        async with world.tx[Role.API]() as tx:
            await handed_in(world, tx, request, signature)


async def released(world: World, request: RequestId, *, in_part: bool = False) -> None:
    async with world.tx[Role.API]() as tx:
        only(await review.release(tx, {request: in_part}, by="st_rev", policy=world.policy))


async def fetched(world: World, request: RequestId) -> Built:
    together = Together(world.tx[Role.API])
    seen = await together(reports.newest, request)
    taking = reports.Taking(request=request, by="st_rev", n=seen.report.n if seen else None)
    return (await together(reports.fetch, taking, policy=world.policy)).report


async def withdrawn(world: World, request: RequestId) -> None:
    reason = await detail(world, request, "she has changed her mind")
    async with world.tx[Role.API]() as tx:
        await ending.withdraw(tx, request, by="st_support", reason=reason, policy=world.policy)


async def cancelled(world: World, request: RequestId) -> None:
    reason = await detail(world, request, "opened twice")
    async with world.tx[Role.API]() as tx:
        await ending.cancel(tx, request, by="st_support", reason=reason, policy=world.policy)


async def awaiting_approval(world: World) -> RequestId:
    """An erasure whose search is over."""
    request = await asked(world, Kind.ERASURE)
    await world.drive()
    assert await state(world, request) is State.AWAITING_APPROVAL
    return request


async def let_go(world: World) -> RequestId:
    """An erasure that is past the point of no return, its commands not yet written."""
    request = await awaiting_approval(world)
    await approved(world, request)
    world.ahead += world.policy.grace
    await world.tick()
    assert await state(world, request) is State.ERASING
    return request


async def state(world: World, request: RequestId) -> State:
    return (await world.case(request)).request.state


async def ended(world: World, request: RequestId) -> Outcome | None:
    """How a request ended; None if it has not."""
    found = (await world.case(request)).request
    return found.outcome if found.state is State.CLOSED else None


async def standing(world: World, request: RequestId, operation: Operation) -> dict[str, str]:
    """Where the newest asking of each custodian stands."""
    return {each.custodian: each.state for each in newest((await world.case(request)).tasks, operation).values()}


async def said_of(world: World, request: RequestId) -> dict[str, list[str]]:
    """What is said of each line of the plan: `found 2`."""
    lines = (await world.case(request)).lines
    return {f"{line.custodian}/{line.data_class}": [_told(each) for each in line.said] for line in lines}


def _told(result: Result) -> str:
    return f"{result.kind} {getattr(result, 'count', '')}".strip()


def kept_by_law(holding: Holding) -> Holding:
    return replace(holding, kept=True)
