"""What happens when the person was looked at: verified, and the plan frozen at once; or not, and the request closed."""

from dataclasses import replace

from contracts.ids import RequestId
from orchestrator.domain import search
from orchestrator.domain.case import Policy
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Detail, Event
from orchestrator.domain.request import Outcome
from orchestrator.store import cases, registry
from orchestrator.store.session import Transaction


async def confirm(
    tx: Transaction, request: RequestId, *, by: str, method: str, evidence: Detail, policy: Policy
) -> None:
    """Record that *by* has seen proof of who asks. From here on custodians are asked.

    *evidence* says what was seen, in words; only a commitment to it goes into the log.
    """
    case = await cases.lock_one(tx, request)
    members = {each.id: each for each in await registry.current(tx)}
    draft = Draft(replace(case, members=members), at=tx.now, policy=policy, actor=by)
    draft.note(Event.IDENTITY_CONFIRMED, detail=evidence, facts={"method": method})
    draft.request = replace(draft.request, verified_by=by)
    search.begin(draft)
    await cases.write(tx, [draft.step()])


async def fail(tx: Transaction, request: RequestId, *, by: str, method: str, evidence: Detail, policy: Policy) -> None:
    """Record that the proof did not hold: the request ends, and nothing was asked of anybody."""
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy, actor=by)
    draft.note(Event.IDENTITY_FAILED, outcome=Outcome.UNVERIFIED, detail=evidence, facts={"method": method})
    await cases.write(tx, [draft.step()])
