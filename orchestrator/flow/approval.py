"""What happens when an approver looks at a plan, and signs it."""

from dataclasses import dataclass

from contracts.ids import RequestId
from orchestrator.domain import plan
from orchestrator.domain.approval import Signature, TrustList, genuine
from orchestrator.domain.case import Policy
from orchestrator.domain.draft import Draft
from orchestrator.domain.erasing import approve as approve_case
from orchestrator.domain.erasing import refuse_while_previewed
from orchestrator.domain.errors import Conflict, Forbidden
from orchestrator.domain.plan import Line, PlanDocument
from orchestrator.domain.search import plan_document
from orchestrator.store import cases
from orchestrator.store.session import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPlan:
    """What an approver decides on. The hash covers the document; the lines show what the previews counted."""

    document: PlanDocument
    hash: str
    lines: tuple[Line, ...]


async def show(tx: Transaction, request: RequestId, *, policy: Policy) -> ShownPlan:
    """The plan as it is to be signed now; raises `Conflict` while there is none."""
    case = await cases.lock_one(tx, request)
    draft = Draft(case, at=tx.now, policy=policy)
    refuse_while_previewed(draft)
    document = plan_document(draft, asking=case.request.asking)
    return ShownPlan(document=document, hash=plan.hash_of(document), lines=case.lines)


async def approve(
    tx: Transaction, request: RequestId, signature: Signature, plan_hash: str, *, trust: TrustList, policy: Policy
) -> None:
    """Add one person's signature; the second, of another person, starts grace.

    Raises `Forbidden` for a key outside the trust list, a signature that does not fit, or too few eyes; `Conflict`
    if *plan_hash* is not the plan as it stands. The dispatcher checks all of it again with a trust list of its own.
    """
    case = await cases.lock_one(tx, request)
    if case.request.plan_hash != plan_hash:
        raise Conflict("that is not the plan as it stands now; look at it again and sign what you see")
    if not genuine(signature, trust, environment=policy.environment, request=request, plan_hash=plan_hash):
        raise Forbidden("the signature does not fit: sign with the key that the trust list has under your name")
    draft = Draft(case, at=tx.now, policy=policy, actor=signature.staff)
    approve_case(draft, signature)
    await cases.write(tx, [draft.step()])
