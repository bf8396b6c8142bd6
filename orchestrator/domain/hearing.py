"""What an answer means: it ends its task, speaks for its lines, may bring identifiers, and may move its request on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Final, assert_never

from contracts.answer import Answer
from contracts.command import Operation
from contracts.results import (
    Absent,
    Anonymised,
    ClassResult,
    Deferred,
    Drifted,
    Erased,
    Failed,
    Found,
    Halted,
    Manual,
    NotFound,
    Rejected,
    Rejection,
    Residual,
    Restricted,
    Retained,
    TaskOutcome,
    Unsupported,
)
from orchestrator.domain import admission, erasing, plan, search
from orchestrator.domain.case import Case, Policy, Said, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Event, Fact, Facts
from orchestrator.domain.request import State
from orchestrator.domain.task import OPEN, Task, TaskState, backoff, newest

SAYABLE: Final[Mapping[Operation, tuple[type[ClassResult], ...]]] = MappingProxyType(
    {
        Operation.COLLECT: (Found, NotFound, Unsupported),
        Operation.PREVIEW: (Found, NotFound, Retained, Restricted, Unsupported),
        Operation.ERASE: (Erased, Anonymised, Restricted, Retained, NotFound, Unsupported),
        Operation.PROBE: (Absent, Residual, Unsupported),
        Operation.HALT: (Erased, Anonymised, Restricted, Retained, NotFound, Unsupported),
    }
)
"""What makes sense as an answer to what was asked. A halt that came too late gets the erase's own answer."""


def hear(case: Case, said: Sequence[Said], *, at: datetime, policy: Policy) -> Step:
    """Work answers, filed for the first time just now, into their request. Nothing that they say raises."""
    draft = Draft(case, at=at, policy=policy)
    for each in said:
        _take(draft, each)
    go_on(draft)
    return draft.step()


def go_on(draft: Draft) -> None:
    """Draw the consequence: is a round, an erasure, a probing over?"""
    match draft.request.state:
        case State.SEARCHING:
            search.advance(draft)
        case State.ERASING:
            erasing.advance(draft)
        case State.PROBING | State.WATCHING if draft.ended(Operation.PROBE):
            erasing.probed(draft)
        case State.AWAITING_APPROVAL if draft.ended(Operation.PREVIEW):
            erasing.previewed_again(draft)
        case _:
            pass  # answers move no other state


def _take(draft: Draft, said: Said) -> None:
    answer = said.answer
    if said.forgotten:
        draft.note(Event.ANSWER_OF_LOST_TASK, custodian=answer.custodian, facts=lost_facts(answer, said.digest))
        return
    task = next(each for each in draft.tasks if each.id == answer.task_id)
    current = newest(draft.tasks, task.operation)[task.custodian]
    if draft.request.state in (State.CLOSED, State.SHREDDED):
        _log(draft, Event.ANSWER_AFTER_CLOSE, said)
    elif current.id != task.id or task.state is TaskState.SUPERSEDED:
        _log(draft, Event.ANSWER_OUTDATED, said)
    elif not _makes_sense(draft, task, answer):
        _fail(draft, task, said, Event.ANSWER_NONSENSE, "Nonsense")
    elif answer.outcome is not None:
        _take_outcome(draft, task, said, answer.outcome)
    elif not said.uploaded:
        _take_outcome(draft, task, said, Rejected(reason=Rejection.UPLOAD))
    elif task.state is TaskState.DONE:
        differs = task.operation is Operation.ERASE and answer.classes != task.result
        _log(draft, Event.ANSWER_CONFLICTS if differs else Event.ANSWER_OUTDATED, said)
    else:
        _take_result(draft, task, said)


def _makes_sense(draft: Draft, task: Task, answer: Answer) -> bool:
    """Whether it can be an answer to what was asked. A preview speaks of every class: all find before any erases."""
    if isinstance(answer.outcome, Drifted | Halted):
        return task.operation is Operation.ERASE
    if answer.outcome is not None:
        return True
    asked = {line.data_class for line in draft.lines_of(task.custodian)}
    spoken = {each.data_class for each in answer.classes}
    if not spoken <= asked or (task.operation is Operation.PREVIEW and spoken != asked):
        return False
    return all(isinstance(result, SAYABLE[answer.operation]) for each in answer.classes for result in each.results)


def _take_result(draft: Draft, task: Task, said: Said) -> None:
    answer = said.answer
    ended = task.to(TaskState.DONE, at=draft.at)
    draft.put(replace(ended, result=answer.classes, answered_by=said.digest, error=None))
    searching = draft.request.state is State.SEARCHING
    facts: Facts = {
        "task": str(task.id),
        "operation": task.operation,
        "digest": said.digest,
        "counts": _counts(answer),
    }
    if task.operation is Operation.COLLECT and not searching:
        draft.note(Event.ANSWER_LATE, custodian=task.custodian, facts=facts)
        return
    _speak(draft, task, answer)
    draft.note(Event.ANSWER_ACCEPTED, custodian=task.custodian, facts={**facts, "unreadable": said.unreadable})
    if searching:
        _admit(draft, task, said)


def _counts(answer: Answer) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for each in answer.classes:
        for result in each.results:
            counts[f"{each.data_class}:{result.kind}"] += getattr(result, "count", 0)
    return dict(counts)


def _speak(draft: Draft, task: Task, answer: Answer) -> None:
    by_class = {each.data_class: each for each in answer.classes}
    for line in draft.lines_of(task.custodian):
        spoken = by_class.get(line.data_class)
        if spoken is None or task.operation is Operation.PROBE:
            continue
        match task.operation:
            case Operation.COLLECT:
                draft.put_line(replace(line, said=spoken.results))
            case Operation.PREVIEW:
                draft.put_line(plan.previewed(line, spoken))
            case Operation.ERASE | Operation.HALT:
                draft.put_line(plan.erased(line, spoken))
            case _:
                assert_never(task.operation)


def _admit(draft: Draft, task: Task, said: Said) -> None:
    found = admission.judge(
        said.claims,
        manifest=draft.members[task.custodian],
        known=draft.known,
        search_round=draft.request.search_round,
    )
    draft.put_known(found)
    proposed = [each for each in found if each.standing is admission.Standing.PROPOSED]
    if proposed:
        kinds = Counter(str(each.kind) for each in proposed)
        draft.note(Event.IDENTIFIERS_PROPOSED, custodian=task.custodian, facts=dict(kinds))


def _take_outcome(draft: Draft, task: Task, said: Said, outcome: TaskOutcome) -> None:
    """What speaks for a whole task counts only from its newest issue, and only while the task is open."""
    if task.state not in OPEN or said.answer.issue_no != task.issue_no:
        _log(draft, Event.ANSWER_OUTDATED, said)
        return
    match outcome:
        case Failed(retryable=True, error=error) if task.state is not TaskState.HALT_REQUESTED:
            _again(draft, task, said, Event.TASK_FAILED, error, pause=backoff(task.attempts))
        case Failed(error=error):
            _fail(draft, task, said, Event.TASK_FAILED, error)
        case Rejected(reason=reason):
            _refused(draft, task, said, reason)
        case Deferred(until=until):
            _wait(draft, task, said, max(_end_of(until), draft.at + backoff(task.attempts)))
        case Manual():
            _wait(draft, task, said, None)
        case Drifted() | Halted():
            state = TaskState.DRIFTED if isinstance(outcome, Drifted) else TaskState.HALTED
            draft.put(task.to(state, at=draft.at))
            _log(draft, Event.TASK_HALTED, said, task_state=state)
        case _:
            assert_never(outcome)


def _refused(draft: Draft, task: Task, said: Said, reason: Rejection) -> None:
    """Ask again; at once, the first time, where nothing is lacking but a new issue: a grant, or time.

    A worker that was killed in the middle of its upload says so when it is back, and has nothing to wait for.
    """
    if reason is Rejection.CONFLICT:  # a new issue would conflict as well
        _fail(draft, task, said, Event.TASK_REJECTED, reason)
        return
    cured = reason in (Rejection.UPLOAD, Rejection.EXPIRED) and task.issue_no == 1
    _again(draft, task, said, Event.TASK_REJECTED, reason, pause=timedelta() if cured else backoff(task.attempts))


def _again(draft: Draft, task: Task, said: Said, event: Event, error: str, *, pause: timedelta) -> None:
    """Nothing was done: ask again after a while. A halt stays ordered."""
    wake_at = draft.at + pause
    state = TaskState.HALT_REQUESTED if task.state is TaskState.HALT_REQUESTED else TaskState.PLANNED
    draft.put(replace(task.to(state, at=draft.at, wake_at=wake_at), error=error))
    _log(draft, event, said, error=error)


def _fail(draft: Draft, task: Task, said: Said, event: Event, error: str) -> None:
    if task.state in OPEN and said.answer.issue_no == task.issue_no:
        draft.put(replace(task.to(TaskState.FAILED, at=draft.at), error=error))
    _log(draft, event, said, error=error)


def _end_of(day: date) -> datetime:
    """When a promise for *day* has come due; a date at the end of the calendar is as good as never."""
    return datetime.combine(min(day, date.max - timedelta(days=2)) + timedelta(days=1), time(), tzinfo=UTC)


def _wait(draft: Draft, task: Task, said: Said, wake_at: datetime | None) -> None:
    if task.state is not TaskState.HALT_REQUESTED:
        draft.put(task.to(TaskState.WAITING, at=draft.at, wake_at=wake_at))
    _log(draft, Event.TASK_DEFERRED, said)


def lost_facts(answer: Answer, digest: str) -> dict[str, Fact]:
    """What is kept of an answer to a command that nobody remembers: all that it says was done."""
    said = answer.outcome.kind if answer.outcome is not None else "result"
    return {
        "task": str(answer.task_id),
        "operation": answer.operation,
        "issue": answer.issue_no,
        "digest": digest,
        "said": said,
        "counts": _counts(answer),
    }


def _log(draft: Draft, event: Event, said: Said, **more: str) -> None:
    answer = said.answer
    facts: Facts = {
        "task": str(answer.task_id),
        "operation": answer.operation,
        "issue": answer.issue_no,
        "digest": said.digest,
        **more,
    }
    draft.note(event, custodian=answer.custodian, facts=facts)
