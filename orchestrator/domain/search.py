"""Search: rounds of asking, until nothing new turns up. Only then is anything shown, approved or erased."""

from dataclasses import replace

from contracts.ids import CustodianId
from contracts.results import NotFound, Unaddressable
from orchestrator.domain import plan
from orchestrator.domain.admission import Standing
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Detail, Event, Facts
from orchestrator.domain.outcome import gaps
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.domain.task import TaskState, newest

GIVEN_UP = frozenset({TaskState.FAILED, TaskState.WAIVED})


def begin(draft: Draft) -> None:
    """Freeze the plan and ask everybody who can be asked with what the person gave."""
    if not draft.members:
        raise Conflict("no custodian is admitted that could be asked; admit one, then verify the person again")
    for line in plan.freeze(draft.request.kind, list(draft.members.values())):
        draft.put_line(line)
    draft.note(Event.PLAN_FROZEN, facts={"custodians": sorted(draft.members), "lines": len(draft.lines)})
    draft.request = replace(draft.request, search_round=1)
    _ask(draft, _uncovered(draft))
    advance(draft)


def advance(draft: Draft) -> None:
    """Go on when the round is over: another round, a person, or the end of the search."""
    tasks = newest(draft.tasks, plan.find_operation(draft.request.kind)).values()
    draft.block(None)
    if any(task.is_open for task in tasks):
        return
    if any(each.standing is Standing.PROPOSED for each in draft.known):
        draft.block(Blocked.IDENTIFIERS)
    elif draft.request.kind is Kind.ERASURE and any(task.state in GIVEN_UP for task in tasks):
        draft.block(Blocked.SEARCH_FAILED)  # all find before any erases
    elif askable := _uncovered(draft):
        _next_round(draft, askable)
    else:
        _end(draft)


def one_more_round(draft: Draft, *, reason: Detail | None = None) -> None:
    """Go on though the search has had its rounds: a person has looked at it."""
    draft.block(None)
    _begin_round(draft, _uncovered(draft), reason)


def _next_round(draft: Draft, custodians: frozenset[CustodianId]) -> None:
    if draft.request.search_round >= draft.policy.rounds:
        draft.block(Blocked.ROUNDS)
    else:
        _begin_round(draft, custodians)


def _begin_round(draft: Draft, custodians: frozenset[CustodianId], reason: Detail | None = None) -> None:
    following = draft.request.search_round + 1
    for line in draft.lines:
        if line.custodian in custodians:
            draft.put_line(replace(line, said=()))  # owed again: without the new answer it is a gap
    facts: Facts = {"round": following, "custodians": [str(each) for each in sorted(custodians)]}
    draft.note(Event.ROUND_BEGUN, facts=facts, detail=reason)
    draft.request = replace(draft.request, search_round=following)
    _ask(draft, custodians)


def _ask(draft: Draft, custodians: frozenset[CustodianId]) -> None:
    draft.plan_tasks(plan.find_operation(draft.request.kind), draft.request.search_round, custodians)


def _uncovered(draft: Draft) -> frozenset[CustodianId]:
    """Who needs an identifier that was admitted after they were last asked. Those who gave up are not asked again."""
    asked = newest(draft.tasks, plan.find_operation(draft.request.kind))
    found: set[CustodianId] = set()
    for custodian, manifest in draft.members.items():
        task = asked.get(custodian)
        if not plan.performs(draft.request.kind, manifest) or (task is not None and task.state in GIVEN_UP):
            continue
        covered = task.round - 1 if task else -1
        if any(each.kind in manifest.needs and each.admitted_in > covered for each in draft.admitted):
            found.add(custodian)
    return frozenset(found)


def _end(draft: Draft) -> None:
    _name_unaddressable(draft)
    missing = [f"{line.custodian}/{line.data_class}" for line in gaps(draft.lines)]
    if draft.request.kind is Kind.ACCESS:
        draft.note(Event.SEARCH_ENDED, facts={"round": draft.request.search_round, "gaps": missing})
    elif all(isinstance(result, NotFound | Unaddressable) for line in draft.lines for result in line.said or (None,)):
        draft.note(Event.NOTHING_HELD, outcome=Outcome.NO_DATA)
    else:
        ask_for_approval(draft, Event.SEARCH_ENDED)


def _name_unaddressable(draft: Draft) -> None:
    asked = newest(draft.tasks, plan.find_operation(draft.request.kind))
    for line in draft.lines:
        if line.custodian not in asked and not line.said:
            kinds = draft.members[line.custodian].needs
            draft.put_line(replace(line, said=(Unaddressable(kinds=kinds),)))


def ask_for_approval(draft: Draft, event: Event) -> None:
    """Make a new asking, with a plan hash that no earlier signature fits."""
    draft.void_approval()
    asking = draft.request.asking + 1
    digest = plan.hash_of(plan_document(draft, asking=asking))
    draft.note(event, facts={"round": draft.request.search_round, "asking": asking, "plan_hash": digest})
    draft.request = replace(draft.request, asking=asking, plan_hash=digest, grace_until=None, wake_at=None)


def plan_document(draft: Draft, *, asking: int) -> plan.PlanDocument:
    """The plan as it stands, for one asking."""
    return plan.document(
        environment=draft.policy.environment,
        generation=draft.policy.generation,
        request=draft.request.id,
        search_round=draft.request.search_round,
        asking=asking,
        lines=draft.lines,
        commitment=plan.commitment([each.blind for each in draft.admitted]),
    )


def release(draft: Draft, *, in_part: bool, reason: Detail | None = None) -> None:
    """A person has looked: the report may be built. From an unfinished search only *in_part*, and it says so."""
    if draft.request.kind is not Kind.ACCESS:
        raise Conflict("only an access request is released; an erasure is approved")
    if draft.request.state is State.SEARCHING:
        if not in_part:
            raise Conflict("the search has not ended; release in part to go on without those who are missing")
        missing = [f"{line.custodian}/{line.data_class}" for line in gaps(draft.lines)]
        draft.note(Event.RELEASED_IN_PART, facts={"gaps": missing})
        draft.request = replace(draft.request, partial=True)
    draft.note(Event.RELEASED, detail=reason)
