"""What happens to a report: built from its frozen input, fetched once or more, and the request closed with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.ids import RequestId
from orchestrator.domain.case import Case, Policy, Step, decide
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict, DsarError
from orchestrator.domain.events import Event
from orchestrator.domain.outcome import outcome_of
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.store import cases, reports
from orchestrator.store.reports import Built, Handed, Job
from orchestrator.store.session import Transaction


async def built(tx: Transaction, finished: Mapping[RequestId, Built], *, policy: Policy) -> None:
    """Record finished reports, in the transaction that held their jobs: no number is built twice."""
    if not finished:
        return
    held = await cases.lock(tx, finished)
    await reports.built(tx, finished)
    steps = []
    for request, report in finished.items():
        draft = Draft(held[request], at=tx.now, policy=policy)
        if draft.request.state is State.REPORTING:  # withdrawn meanwhile: the report is kept from everybody
            draft.note(Event.REPORT_BUILT, facts={"n": report.n, "digest": report.digest, "size": report.size})
            steps.append(draft.step())
    await cases.write(tx, steps)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """Somebody who takes a report."""

    request: RequestId
    by: str


async def fetch(tx: Transaction, taken: Sequence[Taking], *, policy: Policy) -> list[Handed | DsarError]:
    """Hand reports out, and record who took each; the first time ends the request.

    Refused with `Conflict` while there is none, or when the request ended otherwise.
    """
    handed: dict[int, Handed | DsarError] = {}
    waiting = dict(enumerate(taken))
    while waiting:  # the same request twice is one after the other
        each_once = {taking.request: n for n, taking in reversed(waiting.items())}
        found = await _fetch(tx, {request: waiting.pop(n).by for request, n in each_once.items()}, policy)
        handed |= {n: found[request] for request, n in each_once.items()}
    return [handed[n] for n in range(len(taken))]


async def _fetch(
    tx: Transaction, takers: Mapping[RequestId, str], policy: Policy
) -> Mapping[RequestId, Handed | DsarError]:
    held = await cases.lock(tx, takers)
    newest = await reports.newest_built(tx, takers)

    def decision(case: Case) -> Step:
        draft = Draft(case, at=tx.now, policy=policy, actor=takers[case.request.id])
        _taken(draft, newest.get(case.request.id))
        return draft.step()

    decided = decide(held, takers, decision)
    await cases.write_decided(tx, decided)
    return {request: each if isinstance(each, DsarError) else newest[request] for request, each in decided.items()}


def _taken(draft: Draft, handed: Handed | None) -> None:
    delivered = draft.request.outcome in (Outcome.FULFILLED, Outcome.PARTIAL)
    if handed is None or not (draft.request.state is State.DELIVERABLE or delivered):
        raise Conflict(f"there is no report to fetch: the request is {draft.request.state}")
    report = handed.report
    draft.note(Event.DATA_READ, facts={"what": "report", "n": report.n})
    if draft.request.state is State.DELIVERABLE:
        outcome = outcome_of(draft.request.kind, draft.lines, partial=draft.request.partial)
        draft.note(Event.DOWNLOADED, outcome=outcome, facts={"n": report.n, "digest": report.digest})
