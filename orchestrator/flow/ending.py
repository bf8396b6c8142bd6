"""What happens when a request is stopped: by staff, or by the person who made it."""

from contracts.ids import RequestId
from orchestrator.domain import erasing
from orchestrator.domain.case import Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Detail, Event
from orchestrator.domain.request import Outcome, State
from orchestrator.store import cases
from orchestrator.store.session import Transaction


async def cancel(tx: Transaction, request: RequestId, *, by: str, reason: Detail, policy: Policy) -> Step:
    """Stop the request on our side; one that was stopped so before stays as it is.

    Raises `Conflict` once an erasure has begun: what left cannot be called back.
    """
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy, actor=by)
    if draft.request.begun:
        raise Conflict("erasing has begun: it can no longer be cancelled; the person may still withdraw the rest")
    if not _ended(draft, Outcome.CANCELLED):
        draft.note(Event.CANCELLED, outcome=Outcome.CANCELLED, detail=reason)
    return await _written(tx, draft)


async def withdraw(tx: Transaction, request: RequestId, *, by: str, reason: Detail, policy: Policy) -> Step:
    """The person takes the request back; one that was taken back before stays as it is.

    While erasing, custodians are told to halt what they have not begun.
    """
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy, actor=by)
    if not _ended(draft, Outcome.WITHDRAWN):
        erasing.withdraw(draft, reason=reason)
    return await _written(tx, draft)


def _ended(draft: Draft, outcome: Outcome) -> bool:
    return draft.request.state is State.CLOSED and draft.request.outcome is outcome


async def _written(tx: Transaction, draft: Draft) -> Step:
    step = draft.step()
    if step.entries:
        await cases.write(tx, [step])
    return step
