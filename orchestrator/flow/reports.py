"""What happens to a report: built from its frozen input, fetched once or more, and the request closed with it."""

from contracts.ids import RequestId
from orchestrator.domain.case import Policy
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Event
from orchestrator.domain.outcome import outcome_of
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.store import cases, reports
from orchestrator.store.reports import Built, Job
from orchestrator.store.session import Transaction


async def built(tx: Transaction, request: RequestId, report: Built, *, policy: Policy) -> None:
    """Record a finished report, in the transaction that held its job: no number is built twice."""
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy)
    await reports.built(tx, request, report)
    if draft.request.state is State.REPORTING:  # withdrawn meanwhile: the report is kept from everybody
        draft.note(Event.REPORT_BUILT, facts={"n": report.n, "digest": report.digest, "size": report.size})
        await cases.write(tx, [draft.step()])


async def failed(tx: Transaction, job: Job, error: str, *, policy: Policy) -> None:
    """Give a report up whose input cannot be read, and say so: trying it again by itself would only hold up others.

    *error* is the name of a class: a message could quote what was being read.
    """
    draft = Draft(await cases.lock_one(tx, job.request), at=tx.now, policy=policy)
    await reports.failed(tx, job)
    if draft.request.state is State.REPORTING:
        draft.note(Event.REPORT_FAILED, facts={"n": job.n, "error": error})
        draft.block(Blocked.REPORT_FAILED)
        await cases.write(tx, [draft.step()])


async def fetch(tx: Transaction, request: RequestId, *, by: str, policy: Policy) -> Built:
    """Hand the report out, and record who took it; the first time ends the request.

    Raises `Conflict` while there is none, or when the request ended otherwise.
    """
    draft = Draft(await cases.lock_one(tx, request), at=tx.now, policy=policy, actor=by)
    report = await reports.newest_built(tx, request)
    delivered = draft.request.outcome in (Outcome.FULFILLED, Outcome.PARTIAL)
    if report is None or not (draft.request.state is State.DELIVERABLE or delivered):
        raise Conflict(f"there is no report to fetch: the request is {draft.request.state}")
    draft.note(Event.DATA_READ, facts={"what": "report", "n": report.n})
    if draft.request.state is State.DELIVERABLE:
        outcome = outcome_of(draft.request.kind, draft.lines, partial=draft.request.partial)
        draft.note(Event.DOWNLOADED, outcome=outcome, facts={"n": report.n, "digest": report.digest})
    await cases.write(tx, [draft.step()])
    return report
