"""What happens when a request is stopped: by staff, or by the person who made it."""

from contracts.ids import RequestId
from orchestrator.domain import erasing
from orchestrator.domain.case import Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Detail, Event
from orchestrator.domain.request import Outcome
from orchestrator.store import cases
from orchestrator.store.session import Transaction


async def cancel(tx: Transaction, request: RequestId, *, by: str, reason: Detail, policy: Policy) -> Step:
    """Stop the request on our side. Raises `Conflict` once an erasure has begun: what left cannot be called back."""
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy, actor=by)
    if draft.request.begun:
        raise Conflict("erasing has begun: it can no longer be cancelled; the person may still withdraw the rest")
    draft.note(Event.CANCELLED, outcome=Outcome.CANCELLED, detail=reason)
    step = draft.step()
    await cases.write(tx, [step])
    return step


async def withdraw(tx: Transaction, request: RequestId, *, by: str, reason: Detail, policy: Policy) -> Step:
    """The person takes the request back. While erasing, custodians are told to halt what they have not begun."""
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy, actor=by)
    erasing.withdraw(draft, reason=reason)
    step = draft.step()
    await cases.write(tx, [step])
    return step
