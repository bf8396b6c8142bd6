"""What happens when the person was looked at: verified, and the plan frozen at once; or not, and the request closed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from contracts.ids import RequestId
from orchestrator.domain import search
from orchestrator.domain.case import Case, Decided, Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Detail, Event
from orchestrator.domain.request import Outcome
from orchestrator.store import cases, registry
from orchestrator.store.session import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a verifier found. *evidence* says what was seen; only a commitment to it goes into the log."""

    request: RequestId
    confirmed: bool
    method: str
    evidence: Detail


async def judge(tx: Transaction, verdicts: Sequence[Verdict], *, by: str, policy: Policy) -> Decided:
    """Record that *by* has seen proof of who asks, or that it did not hold; one verdict a request.

    From a confirmation on custodians are asked. A request that was not confirmed ends, and nobody was asked anything.
    """
    members = {each.id: each for each in await registry.current(tx)}
    given = {each.request: each for each in verdicts}

    def decision(case: Case) -> Step:
        draft = Draft(replace(case, members=members), at=tx.now, policy=policy, actor=by)
        verdict = given[case.request.id]
        return _confirmed(draft, verdict) if verdict.confirmed else _failed(draft, verdict)

    return await cases.decide(tx, given, decision)


def _confirmed(draft: Draft, verdict: Verdict) -> Step:
    draft.note(Event.IDENTITY_CONFIRMED, detail=verdict.evidence, facts={"method": verdict.method})
    draft.request = replace(draft.request, verified_by=draft.actor)
    search.begin(draft)
    return draft.step()


def _failed(draft: Draft, verdict: Verdict) -> Step:
    facts = {"method": verdict.method}
    draft.note(Event.IDENTITY_FAILED, outcome=Outcome.UNVERIFIED, detail=verdict.evidence, facts=facts)
    return draft.step()
