"""From approval to the end of an erasure: grace, the point of no return, halts, drift, probes, watch."""

from dataclasses import replace
from datetime import timedelta

from contracts.command import Operation
from contracts.ids import CustodianId
from contracts.results import Residual
from orchestrator.domain import guards, plan, search
from orchestrator.domain.approval import Signature, add
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Event, Facts
from orchestrator.domain.outcome import outcome_of
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.domain.task import HALTABLE, TaskState, newest

UNFINISHED = frozenset({TaskState.HALTED, TaskState.DRIFTED})
MOST_RESIDUALS = 2
"""After so many erase rounds under one approval a person looks: something keeps bringing the data back."""


def approve(draft: Draft, signature: Signature) -> None:
    """Add one person's signature, found genuine by the caller; the second one starts grace."""
    if draft.request.state is not State.AWAITING_APPROVAL:
        raise Conflict(f"nothing to approve: the request is {draft.request.state}")
    refuse_while_previewed(draft)
    approval = add(draft.approval, signature, draft.request)
    draft.put_approval(approval)
    facts: Facts = {"plan_hash": approval.plan_hash, "signature": signature.digest, "kid": signature.kid}
    if approval.second is None:
        draft.note(Event.APPROVED_ONCE, facts=facts)
        draft.request = replace(draft.request, wake_at=approval.lapses_at(None))
    else:
        draft.note(Event.APPROVED_TWICE, facts=facts)
        until = draft.at + draft.policy.grace
        draft.request = replace(draft.request, grace_until=until, wake_at=until)


def refuse_while_previewed(draft: Draft) -> None:
    """Raise `Conflict` while there is no plan to look at: what drifted is being previewed again."""
    if draft.request.plan_hash is None:
        raise Conflict(f"there is no plan to approve: the request is {draft.request.state}")
    if any(task.is_open for task in newest(draft.tasks, Operation.PREVIEW).values()):
        raise Conflict("it is being previewed again; wait a moment and approve what that shows")


def grace_over(draft: Draft) -> None:
    """The point of no return: one writer, guards asked under the lock."""
    match guards.failed(draft.request, draft.approval, draft.at):
        case None:
            draft.note(Event.POINT_OF_NO_RETURN, facts={"asking": draft.request.asking})
            lapses = draft.approval.lapses_at(draft.request.grace_until) if draft.approval else None
            draft.request = replace(draft.request, begun=True, wake_at=lapses)
            _erase(draft, _to_erase(draft))
        case guards.Reason.LAPSED:
            end_approval(draft, Event.APPROVAL_LAPSED)
        case _:
            draft.request = replace(draft.request, wake_at=draft.request.grace_until)


def _to_erase(draft: Draft) -> frozenset[CustodianId]:
    """Who holds something and has not ended its erasure yet."""
    ended = {
        each.custodian
        for each in newest(draft.tasks, Operation.ERASE).values()
        if each.state in (TaskState.DONE, TaskState.WAIVED)
    }
    return frozenset(line.custodian for line in draft.lines if plan.held(line)) - ended


def _erase(draft: Draft, custodians: frozenset[CustodianId]) -> None:
    following = draft.request.erase_round + 1
    draft.request = replace(draft.request, erase_round=following)
    draft.plan_tasks(Operation.ERASE, following, custodians)


def end_approval(draft: Draft, event: Event) -> None:
    """Void the approval, whatever ended it; while erasing, stop what can be stopped."""
    if draft.approval is not None:
        draft.put_approval(replace(draft.approval, void=True))
    if draft.request.state is State.ERASING:
        draft.note(event)
        halt_open(draft)
        advance(draft)
    else:
        search.ask_for_approval(draft, event)


def halt_open(draft: Draft) -> None:
    """Halt what no issue was ever made of; ask for a halt of everything else. Never claim that it was in time."""
    ordered = []
    for task in newest(draft.tasks, Operation.ERASE).values():
        if task.state not in HALTABLE:
            continue
        if task.issue_no == 0:
            draft.put(task.to(TaskState.HALTED, at=draft.at))
        else:
            draft.put(task.to(TaskState.HALT_REQUESTED, at=draft.at))
            ordered.append(task.id)
    if ordered:
        draft.intend(Operation.HALT, draft.request.erase_round, ordered)


def withdraw(draft: Draft, *, reason: str | None) -> None:
    """The person takes the request back. While erasing, what had left cannot be called back."""
    if draft.request.state is not State.ERASING:
        draft.note(Event.WITHDRAWN, outcome=Outcome.WITHDRAWN, detail=reason)
        return
    draft.note(Event.WITHDRAWN, detail=reason)
    draft.request = replace(draft.request, withdrawn=True)
    if draft.approval is not None:
        draft.put_approval(replace(draft.approval, void=True))
    halt_open(draft)
    advance(draft)


def advance(draft: Draft) -> None:
    """Go on when no erase task is open any more."""
    tasks = newest(draft.tasks, Operation.ERASE).values()
    if any(task.state is TaskState.DRIFTED for task in tasks) and _still_approved(draft):
        end_approval(draft, Event.DRIFTED)
        return
    if any(task.is_open for task in tasks):
        return
    unfinished = frozenset(task.custodian for task in tasks if task.state in UNFINISHED)
    if unfinished and draft.request.withdrawn:
        draft.note(Event.WITHDRAWAL_ENDED, outcome=Outcome.WITHDRAWN)
    elif unfinished:
        search.ask_for_approval(draft, Event.HALTS_ENDED)
        _preview(draft, unfinished)
    elif any(task.state is TaskState.FAILED for task in tasks):
        draft.block(Blocked.TASK_FAILED)
    else:
        draft.note(Event.ERASE_ENDED)
        draft.request = replace(draft.request, wake_at=None)
        probe(draft)


def _still_approved(draft: Draft) -> bool:
    return draft.approval is not None and not draft.approval.void


def _preview(draft: Draft, custodians: frozenset[CustodianId]) -> None:
    """Look anew before anybody is asked to approve; what these custodians erased before no longer ends their part."""
    for task in newest(draft.tasks, Operation.ERASE).values():
        if task.custodian in custodians and task.state is TaskState.DONE:
            draft.put(task.to(TaskState.SUPERSEDED, at=draft.at))
    following = draft.request.search_round + 1
    draft.request = replace(draft.request, search_round=following)
    draft.plan_tasks(Operation.PREVIEW, following, custodians)


def previewed_again(draft: Draft) -> None:
    """A preview made while awaiting approval has come in: when it is the last, the plan to sign is a new one."""
    tasks = newest(draft.tasks, Operation.PREVIEW).values()
    if any(task.is_open for task in tasks):
        return
    if any(task.state is TaskState.FAILED for task in tasks):
        draft.block(Blocked.SEARCH_FAILED)
    else:
        search.ask_for_approval(draft, Event.PREVIEWED_AGAIN)


def probe(draft: Draft) -> None:
    """Ask everybody whose erasure is done whether it is really gone."""
    following = draft.request.probe_round + 1
    draft.request = replace(draft.request, probe_round=following)
    done = {each.custodian for each in newest(draft.tasks, Operation.ERASE).values() if each.state is TaskState.DONE}
    asked = frozenset(each for each in done if draft.members[each].can(Operation.PROBE))
    draft.plan_tasks(Operation.PROBE, following, asked)
    if not asked:
        probed(draft)


def probed(draft: Draft) -> None:
    """Go on when all probes of the round are in."""
    tasks = [each for each in newest(draft.tasks, Operation.PROBE).values() if each.round == draft.request.probe_round]
    if any(task.is_open for task in tasks):
        return
    if any(task.state is TaskState.FAILED for task in tasks):
        draft.block(Blocked.TASK_FAILED)
        return
    left = frozenset(
        task.custodian
        for task in tasks
        if any(isinstance(result, Residual) for each in task.result for result in each.results)
    )
    if left:
        _residual(draft, left)
    else:
        draft.note(Event.ABSENT, facts={"round": draft.request.probe_round})
        _watch_on(draft)


def _residual(draft: Draft, custodians: frozenset[CustodianId]) -> None:
    approved = guards.failed(draft.request, draft.approval, draft.at) is None
    if draft.request.state is State.PROBING and approved and draft.request.erase_round < MOST_RESIDUALS:
        draft.note(Event.RESIDUAL, facts={"custodians": sorted(custodians)})
        _erase(draft, custodians)
    else:
        search.ask_for_approval(draft, Event.RESIDUAL_STAYS)
        _preview(draft, custodians)


def _watch_on(draft: Draft) -> None:
    """Look again on the next day of the schedule; with none left, the request ends."""
    schedule = (timedelta(), *draft.policy.watch)
    if draft.request.probe_round < len(schedule):
        pause = schedule[draft.request.probe_round] - schedule[draft.request.probe_round - 1]
        draft.request = replace(draft.request, wake_at=draft.at + pause)
    else:
        outcome = outcome_of(draft.request.kind, draft.lines)
        draft.note(Event.WATCH_ENDED, outcome=outcome, facts={"watched": len(draft.policy.watch)})
        draft.request = replace(draft.request, wake_at=None)


def watch(draft: Draft) -> None:
    """A day of the schedule has come: is it still gone?"""
    draft.note(Event.PROBED_AGAIN, facts={"round": draft.request.probe_round + 1})
    draft.request = replace(draft.request, wake_at=None)
    probe(draft)
