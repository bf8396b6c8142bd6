"""From rows to what the domain decides on. No SQL, no decisions."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row

from contracts.answer import ClassAnswer
from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.ids import CommandId, CustodianId, DataClass, EventId, RequestId, TaskId
from contracts.results import Level, Result, Said
from orchestrator.domain.admission import Known, Standing
from orchestrator.domain.approval import Approval, Signature
from orchestrator.domain.plan import Line
from orchestrator.domain.request import Blocked, Kind, Outcome, Request, State
from orchestrator.domain.task import Issue, Task, TaskState

T = TypeVar("T")
SAID: Final = TypeAdapter(tuple[Said, ...])
RESULTS: Final = TypeAdapter(tuple[Result, ...])
ANSWERS: Final = TypeAdapter(tuple[ClassAnswer, ...])


def columns(items: Sequence[T], spec: Mapping[str, Callable[[T], object]]) -> dict[str, Any]:
    """One array per column, for a statement that unnests them: its text is the same for one row and for 500."""
    return {name: [read(item) for item in items] for name, read in spec.items()}


def request_of(row: Row[Any]) -> Request:
    """The request of a row of `request`."""
    return Request(
        id=RequestId(row.id),
        kind=Kind(row.kind),
        state=State(row.state),
        version=row.version,
        regime=row.regime,
        received_on=row.received_on,
        due=row.due,
        opened_by=row.opened_by,
        verified_by=row.verified_by,
        outcome=Outcome(row.outcome) if row.outcome else None,
        search_round=row.search_round,
        erase_round=row.erase_round,
        probe_round=row.probe_round,
        asking=row.asking,
        begun=row.begun,
        withdrawn=row.withdrawn,
        partial=row.partial,
        test=row.test,
        plan_hash=row.plan_hash,
        grace_until=row.grace_until,
        wake_at=row.wake_at,
        blocked_by=Blocked(row.blocked_by) if row.blocked_by else None,
    )


def approval_of(row: Row[Any]) -> Approval | None:
    """The approval that was joined to a row of `plan_line`, if there is one for the current asking."""
    if row.first_by is None:
        return None
    second = row.second_by and Signature(
        staff=row.second_by, kid=row.second_kid, signed_at=row.second_at, value=row.second_signature
    )
    return Approval(
        request=RequestId(row.request),
        asking=row.asking,
        plan_hash=row.plan_hash,
        first=Signature(staff=row.first_by, kid=row.first_kid, signed_at=row.first_at, value=row.first_signature),
        second=second or None,
        entry=EventId(row.entry) if row.entry else None,
        void=row.void,
    )


def task_of(row: Row[Any]) -> Task:
    """The task of a row of `task`, with its issues as one JSON array."""
    return Task(
        id=TaskId(row.id),
        request=RequestId(row.request),
        custodian=CustodianId(row.custodian),
        operation=Operation(row.operation),
        round=row.round,
        state=TaskState(row.state),
        issues=tuple(_issue_of(TaskId(row.id), each) for each in json.loads(row.issues)),
        result=ANSWERS.validate_json(row.result) if row.result != "[]" else (),
        answered_by=row.answered_by,
        error=row.error,
        asking=row.asking,
        wake_at=row.wake_at,
        since=row.since,
    )


def _issue_of(task: TaskId, columns_: Sequence[Any]) -> Issue:
    no, command, operation, issued_at, expires_at, sent_at, digest = columns_
    return Issue(
        task=task,
        no=no,
        command=CommandId(UUID(command)),
        operation=Operation(operation),
        issued_at=datetime.fromisoformat(issued_at),
        expires_at=datetime.fromisoformat(expires_at),
        sent_at=datetime.fromisoformat(sent_at) if sent_at else None,
        digest=digest,
    )


def line_of(row: Row[Any]) -> Line:
    """The line of a row of `plan_line`."""
    return Line(
        custodian=CustodianId(row.custodian),
        data_class=DataClass(row.data_class),
        manifest_hash=row.manifest_hash,
        required_level=Level(row.required_level),
        previewed=SAID.validate_json(row.previewed) if row.previewed != "[]" else (),
        said=RESULTS.validate_json(row.said) if row.said != "[]" else (),
    )


def known_of(row: Row[Any]) -> Known:
    """The identifier of a row of `identifier`."""
    return Known(
        n=row.n,
        kind=IdentifierKind(row.kind),
        blind=row.blind,
        standing=Standing(row.standing),
        admitted_in=row.admitted_in,
        found_by=CustodianId(row.found_by) if row.found_by else None,
        sealed=row.sealed,
    )
