"""What follows when time passes: leases, back-offs, lost sendings, grace, lapse, the days of the watch."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from contracts.command import Operation
from contracts.ids import CustodianId, TaskId
from orchestrator.domain import erasing
from orchestrator.domain.case import Case, Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Event
from orchestrator.domain.guards import may_issue
from orchestrator.domain.request import State
from orchestrator.domain.stops import Stops
from orchestrator.domain.task import Task, TaskState, newest

Heard = Mapping[CustodianId, datetime]
"""When each custodian's last heartbeat came in."""


def tick(case: Case, *, heard: Heard, stops: Stops, at: datetime, policy: Policy) -> Step | None:
    """All that is due for one request now, or None if nothing is."""
    draft = Draft(case, at=at, policy=policy)
    if _due(case.request.wake_at, at):
        _wake(draft, stops)
    again: dict[Operation, list[TaskId]] = {}
    for task in [each for each in draft.tasks if _due(each.wake_at, at)]:
        if (operation := _look_again(draft, task, heard)) is not None:
            again.setdefault(operation, []).append(task.id)
    for operation, tasks in again.items():
        round_ = max(task.round for task in draft.tasks if task.id in tasks)
        draft.note(Event.TASK_REPLANNED, facts={"operation": operation, "tasks": [str(each) for each in tasks]})
        draft.intend(operation, round_, tasks)
    step = draft.step()
    return step if step.entries else None


def _due(wake_at: datetime | None, at: datetime) -> bool:
    return wake_at is not None and wake_at <= at


def _wake(draft: Draft, stops: Stops) -> None:
    match draft.request.state:
        case State.GRACE:
            erasing.grace_over(draft, stops)
        case State.AWAITING_APPROVAL if draft.approval is not None and not draft.approval.void:
            erasing.end_approval(draft, Event.APPROVAL_LAPSED)
        case State.ERASING if draft.approval is not None and not draft.approval.void:
            erasing.end_approval(draft, Event.APPROVAL_LAPSED)
        case State.WATCHING:
            erasing.watch(draft)
        case _:
            pass


def _look_again(draft: Draft, task: Task, heard: Heard) -> Operation | None:
    """Put a task whose time has come back among the planned; say which operation shall be sent for it."""
    current = newest(draft.tasks, task.operation)[task.custodian]
    operation = Operation.HALT if task.state is TaskState.HALT_REQUESTED else task.operation
    if current.id != task.id or not may_issue(draft.request, operation):
        return None
    if task.state is TaskState.ISSUED and not _lost(task, heard):
        return None
    if task.state is TaskState.HALT_REQUESTED and not _lost(task, heard):
        return None
    if task.state in (TaskState.ISSUED, TaskState.WAITING):
        task = task.to(TaskState.PLANNED, at=draft.at)
    draft.put(replace(task, wake_at=None))
    return operation


def _lost(task: Task, heard: Heard) -> bool:
    """Never sent, as far as we know; or sent, and its custodian has lived since without an answer.

    A custodian that is silent gets nothing more: three weeks offline would queue thousands of commands.
    """
    if not task.issues or task.issues[-1].sent_at is None:
        return True
    last = heard.get(task.custodian)
    return last is not None and last > task.issues[-1].sent_at
