"""A request with all that a decision sees, and the step: all that one fact changes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

from contracts.answer import Answer
from contracts.command import LANE_OF, Lane, Operation
from contracts.ids import CustodianId, RequestId, TaskId
from contracts.manifest import Manifest
from orchestrator.domain.admission import Claim, Known
from orchestrator.domain.approval import Approval
from orchestrator.domain.errors import DsarError, NotFound
from orchestrator.domain.events import Entry
from orchestrator.domain.plan import Line
from orchestrator.domain.request import Request
from orchestrator.domain.task import Issue, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the operator has decided, handed down from the settings."""

    environment: str
    generation: int = 0  # grows with each restored backup: old task ids are never used again
    recovered_at: datetime | None = None  # when the last restored backup was taken up
    grace: timedelta = timedelta(days=3)
    watch: tuple[timedelta, ...] = (timedelta(days=1), timedelta(days=7), timedelta(days=30))
    rounds: int = 4  # of search, then a person decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request, locked, as the tables hold it."""

    request: Request
    members: Mapping[CustodianId, Manifest] = field(default_factory=dict)  # as frozen into the plan
    lines: tuple[Line, ...] = ()
    tasks: tuple[Task, ...] = ()
    identifiers: tuple[Known, ...] = ()
    approval: Approval | None = None

    def task(self, task_id: TaskId) -> Task | None:
        """The task with that id, if it is one of ours."""
        return next((each for each in self.tasks if each.id == task_id), None)

    def expects(self, answer: Answer) -> bool:
        """Whether *answer* is to an issue that we made, from the custodian that we asked."""
        task = self.task(answer.task_id)
        issue = task.issue(answer.issue_no) if task else None
        return (
            task is not None
            and issue is not None
            and task.custodian == answer.custodian
            and issue.command == answer.command_id
            and issue.operation is answer.operation
            and issue.digest in (None, answer.command_digest)  # None: the sending is not confirmed yet
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What shall be sent, without content: it is read again, and its guards asked again, when it is."""

    request: RequestId
    operation: Operation
    round: int
    tasks: tuple[TaskId, ...]
    due: date

    @property
    def lane(self) -> Lane:
        """Which dispatcher sends it."""
        return LANE_OF[self.operation]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """All that follows from one fact about one request: written down whole, in one transaction, or not at all."""

    request: Request
    was: int  # the version that it builds on
    entries: tuple[Entry, ...]
    tasks: tuple[Task, ...] = ()
    issues: tuple[Issue, ...] = ()
    lines: tuple[Line, ...] = ()
    identifiers: tuple[Known, ...] = ()
    intents: tuple[Intent, ...] = ()
    approval: Approval | None = None


def decide(held: Mapping[RequestId, Case], ids: Iterable[RequestId], decision: Callable[[Case], Step]) -> "Decided":
    """Decide about each request by itself; what *decision* refuses (a `DsarError`) stands in its place."""
    return {request: _decided(held.get(request), decision) for request in ids}


def _decided(case: Case | None, decision: Callable[[Case], Step]) -> "Step | DsarError":
    if case is None:
        return NotFound("there is no such request")
    try:
        return decision(case)
    except DsarError as refused:
        return refused


T = TypeVar("T")
Decided = Mapping[RequestId, Step | DsarError]
"""What came of a decision about several requests: a refusal concerns its own request and no other."""


def only(decided: Mapping[RequestId, T | DsarError]) -> T:
    """What came of it for a single request; raise what refused it."""
    [found] = decided.values()
    if isinstance(found, DsarError):
        raise found
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer that was filed just now, with the identifiers that it carried."""

    answer: Answer
    digest: str
    claims: tuple[Claim, ...] = ()
    unreadable: int = 0  # identifiers that could not be opened or understood
    uploaded: bool = True  # every part that it names lies in the object store
    forgotten: bool = False  # to a command that the tables no longer know: a restored backup lost it
