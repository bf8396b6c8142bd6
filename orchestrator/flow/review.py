"""What happens when a person decides how it goes on: an access is released, an identifier used, a failure retried."""

from collections.abc import Mapping
from types import MappingProxyType

from contracts.ids import RequestId
from orchestrator.domain import admission, retrying, search
from orchestrator.domain.case import Case, Decided, Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict, NotFound
from orchestrator.domain.events import Detail, Event
from orchestrator.domain.request import Blocked, State
from orchestrator.store import cases, reports
from orchestrator.store.session import Transaction


async def release(
    tx: Transaction,
    in_part: Mapping[RequestId, bool],
    *,
    by: str,
    policy: Policy,
    reasons: Mapping[RequestId, Detail] = MappingProxyType({}),
) -> Decided:
    """Let the reports be built from what is there now: their input is frozen here, later answers change nothing of it.

    *in_part*: whether to go on without those who have not answered, for each request.
    """
    released: list[Draft] = []

    def decision(case: Case) -> Step:
        draft = Draft(case, at=tx.now, policy=policy, actor=by)
        search.release(draft, in_part=in_part[case.request.id], reason=reasons.get(case.request.id))
        released.append(draft)
        return draft.step()

    decided = await cases.decide(tx, in_part, decision)
    await reports.want(tx, {draft.request.id: draft.tasks for draft in released})
    return decided


async def decide(tx: Transaction, request: RequestId, n: int, *, admit: bool, by: str, policy: Policy) -> None:
    """Admit or reject identifier *n*, which a custodian found and which waits for a person."""
    case = await cases.lock_one(tx, request)
    known = next((each for each in case.identifiers if each.n == n), None)
    if known is None:
        raise NotFound("the request has no such identifier")
    if known.standing is not admission.Standing.PROPOSED or case.request.state is not State.SEARCHING:
        raise Conflict("it does not wait for a decision")
    draft = Draft(case, at=tx.now, policy=policy, actor=by)
    decided = admission.decide(known, admit=admit, search_round=case.request.search_round)
    event = Event.IDENTIFIER_ADMITTED if admit else Event.IDENTIFIER_REJECTED
    draft.note(event, facts={"n": n, "kind": known.kind})
    draft.put_known([decided])
    search.advance(draft)
    await cases.write(tx, [draft.step()])


async def retry(tx: Transaction, request: RequestId, *, by: str, policy: Policy, reason: Detail | None = None) -> Step:
    """Ask again for what has failed, a custodian's task or the report; raises `Conflict` if nothing has."""
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy, actor=by)
    if draft.request.blocked_by is Blocked.REPORT_FAILED:
        retrying.report_again(draft, reason=reason)
        await reports.want_again(tx, request)
    else:
        retrying.retry(draft, reason=reason)
    step = draft.step()
    await cases.write(tx, [step])
    return step
