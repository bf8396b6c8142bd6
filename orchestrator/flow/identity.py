"""What happens when the person was looked at: verified, and the plan frozen at once; or not, and the request closed."""

from dataclasses import replace

from contracts.ids import RequestId
from orchestrator.domain import search
from orchestrator.domain.case import Policy
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import NotFound
from orchestrator.domain.events import Event
from orchestrator.domain.request import Outcome
from orchestrator.store import cases, registry
from orchestrator.store.casewriting import SealedDetail
from orchestrator.store.session import Transaction
from orchestrator.vault.details import SealedText


async def confirm(
    tx: Transaction, request: RequestId, *, by: str, method: str, evidence: SealedText, policy: Policy
) -> None:
    """Record that *by* has seen proof of who asks. From here on custodians are asked.

    *evidence* says what was seen, in words; only a commitment to it goes into the log.
    """
    case = (await cases.lock(tx, [request])).get(request)
    if case is None:
        raise NotFound("there is no such request")
    members = {each.id: each for each in await registry.current(tx)}
    draft = Draft(replace(case, members=members), at=tx.now, policy=policy, actor=by)
    draft.note(Event.IDENTITY_CONFIRMED, detail=evidence.text, facts={"method": method})
    draft.request = replace(draft.request, verified_by=by)
    search.begin(draft)
    await _write(tx, draft, evidence)


async def fail(
    tx: Transaction, request: RequestId, *, by: str, method: str, evidence: SealedText, policy: Policy
) -> None:
    """Record that the proof did not hold: the request ends, and nothing was asked of anybody."""
    case = (await cases.lock(tx, [request])).get(request)
    if case is None:
        raise NotFound("there is no such request")
    draft = Draft(case, at=tx.now, policy=policy, actor=by)
    draft.note(Event.IDENTITY_FAILED, outcome=Outcome.UNVERIFIED, detail=evidence.text, facts={"method": method})
    await _write(tx, draft, evidence)


async def _write(tx: Transaction, draft: Draft, evidence: SealedText) -> None:
    step = draft.step()
    detail = SealedDetail(salt=evidence.salt, sealed=evidence.sealed)
    await cases.write(tx, [step], {each.id: detail for each in step.entries if each.detail is not None})
