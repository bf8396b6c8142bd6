"""What happens when an approver looks at a plan, and signs it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from contracts.ids import RequestId
from orchestrator.domain import plan
from orchestrator.domain.approval import Signature, TrustList, genuine
from orchestrator.domain.case import Case, Decided, Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.erasing import approve as approve_case
from orchestrator.domain.erasing import refuse_while_previewed
from orchestrator.domain.errors import Conflict, DsarError, Forbidden, NotFound
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


Shown = Mapping[RequestId, ShownPlan | DsarError]


async def show(tx: Transaction, ids: Collection[RequestId], *, policy: Policy) -> Shown:
    """The plans as they are to be signed now; a `Conflict` in the place of one that is not there (yet)."""
    held = await cases.lock(tx, ids)
    return {each: _shown(held.get(each), tx, policy) for each in ids}


def _shown(case: Case | None, tx: Transaction, policy: Policy) -> ShownPlan | DsarError:
    if case is None:
        return NotFound("there is no such request")
    draft = Draft(case, at=tx.now, policy=policy)
    try:
        refuse_while_previewed(draft)
    except Conflict as refused:
        return refused
    document = plan_document(draft, asking=case.request.asking)
    return ShownPlan(document=document, hash=plan.hash_of(document), lines=case.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """One person's signature over the plan that they saw."""

    request: RequestId
    plan_hash: str
    signature: Signature


async def approve(tx: Transaction, signed: Sequence[Signed], *, trust: TrustList, policy: Policy) -> Decided:
    """Add one person's signatures, one a request; the second one, of another person, starts grace.

    Refused with `Forbidden`: a key outside the trust list, a signature that does not fit, too few eyes; with
    `Conflict`: a hash that is not the plan as it stands. The dispatcher checks it all again, with a list of its own.
    """
    given = {each.request: each for each in signed}

    def decision(case: Case) -> Step:
        return _approved(case, given[case.request.id], tx, trust, policy)

    return await cases.decide(tx, given, decision)


def _approved(case: Case, given: Signed, tx: Transaction, trust: TrustList, policy: Policy) -> Step:
    if case.request.plan_hash != given.plan_hash:
        raise Conflict("that is not the plan as it stands now; look at it again and sign what you see")
    signature = given.signature
    if not genuine(signature, trust, environment=policy.environment, request=given.request, plan_hash=given.plan_hash):
        raise Forbidden("the signature does not fit: sign with the key that the trust list has under your name")
    draft = Draft(case, at=tx.now, policy=policy, actor=signature.staff)
    approve_case(draft, signature)
    return draft.step()
