"""Making an issue: what is decided at the moment of sending, under the request's lock, with every guard asked again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from contracts.command import Operation
from contracts.ids import CommandId, TaskId
from orchestrator.domain import approval, erasing, guards, plan, search
from orchestrator.domain.case import Case, Intent, Policy, Step
from orchestrator.domain.draft import Draft
from orchestrator.domain.events import Event, Facts
from orchestrator.domain.request import Request
from orchestrator.domain.task import EXPIRIES, Issue, Task, TaskState, unsent_pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A command that may leave now: its tasks with the issues just made for them."""

    request: Request
    operation: Operation
    round: int
    command: CommandId
    tasks: tuple[Task, ...]
    issued_at: datetime
    expires_at: datetime


OLDEST_SIGNATURE: Final = 2 * approval.SECOND_WITHIN + timedelta(minutes=5)
"""How old a signature may be at most, beside grace: a day until the second came, a day after grace, and the clocks."""

MAX_ISSUE_BYTES: Final = 2**31 - 1
"""What the parts of one issue may weigh together."""

Bearer = Callable[[TaskId, int], bytes]
"""The hash of the upload grant's bearer for a task's issue."""


def issue(
    case: Case,
    intents: Sequence[Intent],
    *,
    commands: Sequence[CommandId],
    bearer: Bearer,
    trust: approval.TrustList,
    at: datetime,
    policy: Policy,
) -> tuple[Step | None, list[Sending]]:
    """Turn one request's intents into issues, as far as the guards hold; one of *commands* is used for each intent.

    An intent that fits no longer is dropped: the tasks stay planned, and what changed them has said what follows.
    """
    draft = Draft(case, at=at, policy=policy)
    sendings = []
    for intent, command in zip(intents, commands, strict=True):
        tasks = _wanted(draft, intent)
        if tasks and _lets_go(draft, intent.operation, trust):
            sendings.append(_send(draft, intent, tasks, command, bearer))
    step = draft.step()
    return (step if step.entries else None), sendings


def _wanted(draft: Draft, intent: Intent) -> list[Task]:
    state = TaskState.HALT_REQUESTED if intent.operation is Operation.HALT else TaskState.PLANNED
    if not guards.may_issue(draft.request, intent.operation):
        return []
    return [task for task in draft.tasks if task.id in intent.tasks and task.state is state]


def _lets_go(draft: Draft, operation: Operation, trust: approval.TrustList) -> bool:
    """For an erase: guards, and both signatures against the trust list. One that does not fit is an alarm."""
    if operation is not Operation.ERASE:
        return True
    given = draft.approval
    match guards.failed(draft.request, given, draft.at):
        case None if given and _fits(draft, given, trust):
            return True
        case guards.Reason.LAPSED:
            erasing.end_approval(draft, Event.APPROVAL_LAPSED)
        case _:  # the end of an approval halts its tasks: one that is still planned without it was not our doing
            erasing.end_approval(draft, Event.SIGNATURES_UNFIT)
    return False


def _fits(draft: Draft, given: approval.Approval, trust: approval.TrustList) -> bool:
    """Whether the signatures are over the very plan and identifiers that are about to be sent."""
    return approval.fits(
        given,
        draft.request,
        trust,
        environment=draft.policy.environment,
        plan_hash=plan.hash_of(search.plan_document(draft, asking=draft.request.asking)),
        not_before=draft.at - draft.policy.grace - OLDEST_SIGNATURE,
    )


def _send(draft: Draft, intent: Intent, tasks: Sequence[Task], command: CommandId, bearer: Bearer) -> Sending:
    expires_at = draft.at + EXPIRIES[intent.operation]
    issued = []
    for task in tasks:
        number = task.issue_no + 1
        sent = task if task.state is TaskState.HALT_REQUESTED else task.to(TaskState.ISSUED, at=draft.at)
        draft.put(replace(sent, wake_at=draft.at + unsent_pause(task)))
        collecting = intent.operation is Operation.COLLECT
        draft.put_issue(
            Issue(
                task=task.id,
                no=number,
                command=command,
                operation=intent.operation,
                issued_at=draft.at,
                expires_at=expires_at,
                bearer_hash=bearer(task.id, number) if collecting else None,
            )
        )
        issued.append(next(each for each in draft.tasks if each.id == task.id))
    facts: Facts = {
        "command": str(command),
        "operation": intent.operation,
        "round": intent.round,
        "issues": {str(task.custodian): task.issue_no for task in issued},
    }
    draft.note(Event.COMMAND_ISSUED, facts=facts)
    return Sending(
        request=draft.request,
        operation=intent.operation,
        round=intent.round,
        command=command,
        tasks=tuple(issued),
        issued_at=draft.at,
        expires_at=expires_at,
    )
