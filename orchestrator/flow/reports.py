"""What happens to a report: built from its frozen input, fetched once or more, and the request closed with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.ids import RequestId
from orchestrator.domain.case import Case, Policy, Step, decide
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict, DsarError
from orchestrator.domain.events import Event, Facts
from orchestrator.domain.outcome import outcome_of
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.store import cases, reports
from orchestrator.store.reports import Built, Handed, Job
from orchestrator.store.session import Transaction


async def ended(tx: Transaction, outcomes: Sequence[tuple[Job, Built | str]], *, policy: Policy) -> None:
    """Record what came of jobs, of one request each, in the transaction that held them: no number is built twice.

    A text stands for a report that is given up, because its input cannot be read: trying it again by itself would only
    hold up others. It is the class of the error: a message could quote what was being read.
    """
    if not outcomes:
        return
    held = await cases.lock(tx, {job.request for job, _ in outcomes})
    await reports.ended(tx, outcomes)
    steps = []
    for job, came_of_it in outcomes:
        draft = Draft(held[job.request], at=tx.now, policy=policy)
        if draft.request.state is State.REPORTING:  # withdrawn meanwhile: the report is kept from everybody
            _note(draft, job, came_of_it)
            steps.append(draft.step())
    await cases.write(tx, steps)


def _note(draft: Draft, job: Job, came_of_it: Built | str) -> None:
    if isinstance(came_of_it, Built):
        facts: Facts = {"n": came_of_it.n, "digest": came_of_it.digest, "size": came_of_it.size}
        draft.note(Event.REPORT_BUILT, facts=facts)
        return
    draft.note(Event.REPORT_FAILED, facts={"n": job.n, "error": came_of_it})
    draft.block(Blocked.REPORT_FAILED)


async def newest(tx: Transaction, wanted: Sequence[RequestId]) -> list[Handed | None]:
    """Return the newest finished report of each request, for whoever wants to see whether it can be read."""
    found = await reports.newest_built(tx, set(wanted))
    return [found.get(each) for each in wanted]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """Somebody who takes a report, and the version that was found readable just now."""

    request: RequestId
    by: str
    n: int | None


async def fetch(tx: Transaction, taken: Sequence[Taking], *, policy: Policy) -> list[Handed | DsarError]:
    """Hand reports out, and record who took each; the first time ends the request.

    Refused with `Conflict` while there is none, when it is a newer one by now, or when the request ended otherwise.
    """
    handed: dict[int, Handed | DsarError] = {}
    waiting = dict(enumerate(taken))
    while waiting:  # the same request twice is one after the other
        each_once = {taking.request: n for n, taking in reversed(waiting.items())}
        found = await _fetch(tx, {request: waiting.pop(n) for request, n in each_once.items()}, policy)
        handed |= {n: found[request] for request, n in each_once.items()}
    return [handed[n] for n in range(len(taken))]


async def _fetch(
    tx: Transaction, takers: Mapping[RequestId, Taking], policy: Policy
) -> Mapping[RequestId, Handed | DsarError]:
    held = await cases.lock(tx, takers)
    there = await reports.newest_built(tx, takers)

    def decision(case: Case) -> Step:
        taking = takers[case.request.id]
        draft = Draft(case, at=tx.now, policy=policy, actor=taking.by)
        _taken(draft, there.get(case.request.id), taking)
        return draft.step()

    decided = decide(held, takers, decision)
    await cases.write_decided(tx, decided)
    return {request: each if isinstance(each, DsarError) else there[request] for request, each in decided.items()}


def _taken(draft: Draft, handed: Handed | None, taking: Taking) -> None:
    delivered = draft.request.outcome in (Outcome.FULFILLED, Outcome.PARTIAL)
    if handed is None or not (draft.request.state is State.DELIVERABLE or delivered):
        raise Conflict(f"there is no report to fetch: the request is {draft.request.state}")
    report = handed.report
    if report.n != taking.n:
        raise Conflict("a newer report was built just now; fetch that one")
    draft.note(Event.DATA_READ, facts={"what": "report", "n": report.n})
    if draft.request.state is State.DELIVERABLE:
        outcome = outcome_of(draft.request.kind, draft.lines, partial=draft.request.partial)
        draft.note(Event.DOWNLOADED, outcome=outcome, facts={"n": report.n, "digest": report.digest})
