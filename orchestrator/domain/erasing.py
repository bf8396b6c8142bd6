"""From approval to the end of an erasure: grace, the point of no return, halts, drift, probes, watch."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from contracts.command import Operation
from contracts.ids import CustodianId
from contracts.results import Residual
from orchestrator.domain import guards, plan, search
from orchestrator.domain.approval import SECOND_WITHIN, Signature, add
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Detail, Event, Facts, event_id
from orchestrator.domain.outcome import outcome_of
from orchestrator.domain.request import Blocked, Outcome, State
from orchestrator.domain.stops import Stops
from orchestrator.domain.task import HALTABLE, Task, TaskState, newest

UNFINISHED: Final = frozenset({TaskState.HALTED, TaskState.DRIFTED})
SKEW: Final = timedelta(minutes=2)
MOST_RESIDUALS: Final = 2
"""After so many erase rounds under one approval a person looks: something keeps bringing the data back."""


def approve(draft: Draft, signature: Signature) -> None:
    """Add one person's signature, found genuine by the caller; the second one starts grace."""
    if draft.request.state is not State.AWAITING_APPROVAL:
        raise Conflict(f"nothing to approve: the request is {draft.request.state}")
    refuse_while_previewed(draft)
    _in_time(draft, signature)
    approval = add(draft.approval, signature, draft.request)
    draft.put_approval(approval)
    facts: Facts = {"plan_hash": approval.plan_hash, "signature": signature.digest, "kid": signature.kid}
    if approval.second is None:
        draft.note(Event.APPROVED_ONCE, facts=facts)
        draft.request = replace(draft.request, wake_at=approval.lapses_at(None))
    else:
        draft.note(Event.APPROVED_TWICE, facts=facts)
        draft.put_approval(replace(approval, entry=event_id(draft.request.id, draft.request.version)))
        until = draft.at + draft.policy.grace
        draft.request = replace(draft.request, grace_until=until, wake_at=until)


def refuse_while_previewed(draft: Draft) -> None:
    """Raise `Conflict` while there is no plan to look at: what drifted is being previewed again."""
    if draft.request.plan_hash is None:
        raise Conflict(f"there is no plan to approve: the request is {draft.request.state}")
    if any(task.state is not TaskState.DONE for task in newest(draft.tasks, Operation.PREVIEW).values()):
        raise Conflict("it is being previewed again; approve what that shows, once it has come in")


def _in_time(draft: Draft, signature: Signature) -> None:
    if not draft.at - SECOND_WITHIN < signature.signed_at <= draft.at + SKEW:
        raise Conflict("the signature's time is not now; sign again")
    given = draft.approval
    if given and not given.void and given.second is None and draft.at >= given.lapses_at(None):
        raise Conflict("the first approval has lapsed; both have to sign again")


def grace_over(draft: Draft, stops: Stops) -> None:
    """The point of no return: one writer, guards asked under the lock. A stop lets the approval lapse as ever."""
    match guards.failed(draft.request, draft.approval, draft.at):
        case None if stops.hold_all_back(_to_erase(draft)):
            _hold_back(draft)
        case None:
            draft.note(Event.POINT_OF_NO_RETURN, facts={"asking": draft.request.asking})
            draft.request = replace(draft.request, begun=True)
            erase(draft, _to_erase(draft))
            advance(draft)
        case guards.Reason.LAPSED:
            end_approval(draft, Event.APPROVAL_LAPSED)
        case guards.Reason.IN_GRACE:
            pass
        case guards.Reason.NOT_APPROVED | guards.Reason.UNVERIFIED:  # not by any decision of ours
            end_approval(draft, Event.SIGNATURES_UNFIT)


def _hold_back(draft: Draft) -> None:
    """Stay in grace, and say why, once: the clock looks again, and a release makes it."""
    if draft.request.blocked_by is not Blocked.STOPPED:
        draft.note(Event.HELD_BACK)
        draft.block(Blocked.STOPPED)


def _to_erase(draft: Draft) -> frozenset[CustodianId]:
    """Who holds something and has not ended its erasure yet."""
    ended = {
        each.custodian
        for each in newest(draft.tasks, Operation.ERASE).values()
        if each.state in (TaskState.DONE, TaskState.WAIVED)
    }
    return frozenset(line.custodian for line in draft.lines if plan.held(line)) - ended


def erase(draft: Draft, custodians: frozenset[CustodianId]) -> None:
    """Ask *custodians* to erase, in a new round under the approval that stands."""
    following = draft.request.erase_round + 1
    lapses = draft.approval.lapses_at(draft.request.grace_until) if draft.approval else None
    draft.request = replace(draft.request, erase_round=following, wake_at=lapses)
    draft.plan_tasks(Operation.ERASE, following, custodians)


def end_approval(draft: Draft, event: Event) -> None:
    """Void the approval, whatever ended it; while erasing, stop what can be stopped."""
    if draft.request.state is State.ERASING:
        draft.note(event)
        _stop(draft)
    else:
        search.ask_for_approval(draft, event)


def _stop(draft: Draft) -> None:
    draft.void_approval()
    draft.request = replace(draft.request, wake_at=None)
    halt_open(draft)
    advance(draft)


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


def withdraw(draft: Draft, *, reason: Detail) -> None:
    """The person takes the request back. While erasing, what had left cannot be called back."""
    if draft.request.state is not State.ERASING:
        draft.note(Event.WITHDRAWN, outcome=Outcome.WITHDRAWN, detail=reason)
        return
    draft.note(Event.WITHDRAWN, detail=reason)
    draft.request = replace(draft.request, withdrawn=True)
    _stop(draft)


def advance(draft: Draft) -> None:
    """Go on when no erase task is open any more."""
    asking = draft.request.asking  # what an earlier asking left undone was previewed again, and asked again if held
    tasks = [task for task in newest(draft.tasks, Operation.ERASE).values() if task.asking == asking]
    draft.block(None)
    if any(task.state is TaskState.DRIFTED for task in tasks) and _still_approved(draft):
        end_approval(draft, Event.DRIFTED)
        return
    if any(task.is_open for task in tasks):
        return
    stopped = UNFINISHED if _still_approved(draft) else UNFINISHED | {TaskState.FAILED}
    unfinished = frozenset(task.custodian for task in tasks if task.state in stopped)
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
    draft.block(None)
    if any(task.is_open for task in tasks):
        return
    if any(task.state in search.GIVEN_UP for task in tasks):
        draft.block(Blocked.SEARCH_FAILED)
    else:
        search.ask_for_approval(draft, Event.PREVIEWED_AGAIN)


def probe(draft: Draft) -> None:
    """Ask everybody who erased whether it is really gone."""
    erased = (TaskState.DONE, TaskState.SUPERSEDED)  # the latter: previewed again, and nothing was left to erase
    following = draft.request.probe_round + 1
    draft.request = replace(draft.request, probe_round=following)
    done = {each.custodian for each in newest(draft.tasks, Operation.ERASE).values() if each.state in erased}
    asked = frozenset(each for each in done if draft.members[each].can(Operation.PROBE))
    draft.plan_tasks(Operation.PROBE, following, asked)
    if not asked:
        probed(draft)


def probed(draft: Draft) -> None:
    """Go on when all probes of the round are in."""
    tasks = [each for each in newest(draft.tasks, Operation.PROBE).values() if each.round == draft.request.probe_round]
    draft.block(None)
    if any(task.is_open for task in tasks):
        return
    if any(task.state is TaskState.FAILED for task in tasks):
        draft.block(Blocked.TASK_FAILED)
        return
    if left := frozenset(task.custodian for task in tasks if _found_some(task)):
        _residual(draft, left)
    else:
        asked = [str(task.custodian) for task in sorted(tasks, key=lambda task: task.custodian)]
        draft.note(Event.ABSENT, facts={"round": draft.request.probe_round, "custodians": asked})
        _watch_on(draft, watching=bool(asked))


def _found_some(task: Task) -> bool:
    return any(isinstance(result, Residual) for each in task.result for result in each.results)


def _residual(draft: Draft, custodians: frozenset[CustodianId]) -> None:
    approved = guards.failed(draft.request, draft.approval, draft.at) is None
    asking = draft.request.asking
    rounds = {task.round for task in draft.tasks if task.operation is Operation.ERASE and task.asking == asking}
    if draft.request.state is State.PROBING and approved and len(rounds) < MOST_RESIDUALS:
        draft.note(Event.RESIDUAL, facts={"custodians": sorted(custodians)})
        erase(draft, custodians)
        return
    search.ask_for_approval(draft, Event.RESIDUAL_STAYS)
    if draft.request.withdrawn:  # nobody may be asked to erase what its owner took back
        draft.note(Event.WITHDRAWN, outcome=Outcome.WITHDRAWN)
    else:
        _preview(draft, custodians)


def _watch_on(draft: Draft, *, watching: bool) -> None:
    """Look again on the next day of the schedule; with none left, or nobody to ask, the request ends."""
    schedule = (timedelta(), *draft.policy.watch)
    probes = [task for task in draft.tasks if task.operation is Operation.PROBE]
    begun = max((task.round for task in probes if _found_some(task)), default=0)  # anew with the erase that followed
    wasted = {task.round for task in probes if task.round > begun and task.state is TaskState.FAILED}
    looked = draft.request.probe_round - begun - len(wasted)
    if watching and looked < len(schedule):
        pause = schedule[looked] - schedule[looked - 1]
        draft.request = replace(draft.request, wake_at=draft.at + pause)
    else:
        outcome = outcome_of(draft.request.kind, draft.lines)
        draft.note(Event.WATCH_ENDED, outcome=outcome, facts={"watched": looked - 1 if watching else 0})


def watch(draft: Draft) -> None:
    """A day of the schedule has come: is it still gone?"""
    draft.note(Event.PROBED_AGAIN, facts={"round": draft.request.probe_round + 1})
    draft.request = replace(draft.request, wake_at=None)
    probe(draft)
