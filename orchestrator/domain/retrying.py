"""Asking again for what has failed: a person has looked, and says that it is worth another try."""

from dataclasses import replace

from contracts.command import Operation
from contracts.ids import CustodianId
from orchestrator.domain import erasing, plan, search
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Detail, Event, Facts
from orchestrator.domain.request import Blocked, State
from orchestrator.domain.task import TaskState, newest


def retry(draft: Draft, *, reason: Detail | None = None) -> None:
    """Ask every custodian whose newest task failed for it again, in a new round: an old id is answered from memory.

    A search that has had its rounds gets one more. A probe is asked of everybody again: only a round that was
    answered by all tells that nothing is left. Raises `Conflict` if nothing has failed.
    """
    if draft.request.blocked_by is Blocked.ROUNDS:
        search.one_more_round(draft, reason=reason)
        return
    operation = _operation(draft)
    failed = _failed(draft, operation)
    if not failed:
        raise Conflict("nothing has failed that could be tried again")
    facts: Facts = {"operation": operation, "custodians": [str(each) for each in sorted(failed)]}
    draft.note(Event.TASK_RETRIED, facts=facts, detail=reason)
    draft.block(None)
    match operation:
        case Operation.PROBE:
            erasing.probe(draft)
        case Operation.ERASE:
            erasing.erase(draft, failed)
        case _:
            following = draft.request.search_round + 1
            draft.request = replace(draft.request, search_round=following)
            draft.plan_tasks(operation, following, failed)


def report_again(draft: Draft, *, reason: Detail | None = None) -> None:
    """Have the report built anew, from the same answers."""
    draft.note(Event.TASK_RETRIED, facts={"operation": "report"}, detail=reason)
    draft.block(None)


def _operation(draft: Draft) -> Operation:
    match draft.request.state:
        case State.SEARCHING:
            return plan.find_operation(draft.request.kind)
        case State.AWAITING_APPROVAL:
            return Operation.PREVIEW
        case State.ERASING:
            return Operation.ERASE
        case State.PROBING | State.WATCHING:
            return Operation.PROBE
        case state:
            raise Conflict(f"nothing is asked of custodians while the request is {state}")


def _failed(draft: Draft, operation: Operation) -> frozenset[CustodianId]:
    tasks = newest(draft.tasks, operation).values()
    return frozenset(task.custodian for task in tasks if task.state is TaskState.FAILED)
