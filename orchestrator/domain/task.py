"""A task: one asking of one operation at one custodian; its states, its issues, and when to look at it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.answer import ClassAnswer
from contracts.command import Operation
from contracts.ids import CommandId, CustodianId, RequestId, TaskId
from orchestrator.domain.errors import IllegalTransition


class TaskState(StrEnum):
    """Where a task stands."""

    PLANNED = "planned"
    ISSUED = "issued"
    WAITING = "waiting"  # deferred, or a person at the custodian does it
    HALT_REQUESTED = "halt_requested"
    HALTED = "halted"
    DRIFTED = "drifted"
    FAILED = "failed"
    DONE = "done"
    WAIVED = "waived"
    SUPERSEDED = "superseded"  # a newer round has asked again


T = TaskState
OPEN: Final = frozenset({T.PLANNED, T.ISSUED, T.WAITING, T.HALT_REQUESTED})
"""Somebody still owes something."""
HALTABLE: Final = frozenset({T.PLANNED, T.ISSUED, T.WAITING})

MOVES: Final[Mapping[TaskState, frozenset[TaskState]]] = MappingProxyType(
    {
        # planned again after an issue, its newest issue may still be answered in every way
        T.PLANNED: frozenset({
            T.ISSUED, T.DONE, T.PLANNED, T.FAILED, T.DRIFTED, T.WAITING, T.HALT_REQUESTED, T.HALTED, T.WAIVED,
        }),
        T.ISSUED: frozenset({T.DONE, T.PLANNED, T.FAILED, T.DRIFTED, T.WAITING, T.HALT_REQUESTED, T.HALTED, T.WAIVED}),
        T.WAITING: frozenset({
            T.PLANNED, T.DONE, T.FAILED, T.DRIFTED, T.WAITING, T.HALT_REQUESTED, T.HALTED, T.WAIVED,
        }),
        T.HALT_REQUESTED: frozenset({T.HALTED, T.DONE, T.DRIFTED, T.FAILED, T.HALT_REQUESTED, T.WAIVED}),
        # the truth wins: a terminal answer to any issue ends a task that was given up
        T.HALTED: frozenset({T.DONE, T.WAIVED}),
        T.DRIFTED: frozenset({T.DONE, T.WAIVED}),
        T.FAILED: frozenset({T.DONE, T.WAIVED}),
        T.WAIVED: frozenset({T.DONE}),
        T.DONE: frozenset({T.SUPERSEDED}),
        T.SUPERSEDED: frozenset(),
    }
)  # fmt: skip

LEASES: Final[Mapping[Operation, timedelta]] = MappingProxyType(
    {
        Operation.COLLECT: timedelta(minutes=10),
        Operation.PREVIEW: timedelta(minutes=2),
        Operation.ERASE: timedelta(minutes=5),
        Operation.PROBE: timedelta(minutes=2),
        Operation.HALT: timedelta(minutes=2),
    }
)
EXPIRIES: Final[Mapping[Operation, timedelta]] = MappingProxyType(
    {
        Operation.COLLECT: timedelta(hours=24),
        Operation.PREVIEW: timedelta(hours=24),
        Operation.ERASE: timedelta(minutes=15),  # an erase that arrives late must not run under an old approval
        Operation.PROBE: timedelta(hours=24),
        Operation.HALT: timedelta(hours=24),
    }
)
UNSENT_AFTER: Final = timedelta(seconds=5)
"""An issue whose sending was not confirmed by then gets a successor: the publish may or may not have happened."""
UNSENT_AT_MOST: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One numbered sending of a task."""

    task: TaskId
    no: int
    command: CommandId
    operation: Operation  # of the command: a halt names the task that it stops
    issued_at: datetime
    expires_at: datetime
    sent_at: datetime | None = None
    digest: str | None = None  # of the command's bytes, known once sent
    bearer_hash: bytes | None = None  # of the upload grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One asking, and all that is known of it."""

    id: TaskId
    request: RequestId
    custodian: CustodianId
    operation: Operation
    round: int
    state: TaskState = TaskState.PLANNED
    issues: tuple[Issue, ...] = ()
    result: tuple[ClassAnswer, ...] = ()
    answered_by: str | None = None  # digest of the answer that ended it
    error: str | None = None
    asking: int | None = None  # of the approval that an erase runs under
    wake_at: datetime | None = None
    since: datetime | None = None  # in this state

    def to(self, state: TaskState, *, at: datetime, wake_at: datetime | None = None) -> "Task":
        """Return the task in *state*; raise `IllegalTransition` if the table has no such row."""
        if state not in MOVES[self.state]:
            raise IllegalTransition(f"a task cannot go from {self.state} to {state}")
        return replace(self, state=state, since=at, wake_at=wake_at)

    @property
    def issue_no(self) -> int:
        """The number of the newest issue; 0 before the first."""
        return self.issues[-1].no if self.issues else 0

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes something."""
        return self.state in OPEN

    @property
    def attempts(self) -> int:
        """How many of its issues are known to have left, the one that was answered counted in any case."""
        return max(1, sum(1 for each in self.issues if each.sent_at is not None))

    def issue(self, no: int) -> Issue | None:
        """The issue numbered *no*, if there was one."""
        return next((each for each in self.issues if each.no == no), None)


def backoff(attempts: int) -> timedelta:
    """How long to leave a custodian alone after so many sendings came to nothing: 1, 2, 4 … 60 minutes."""
    return timedelta(minutes=min(60, 2 ** min(6, max(0, attempts - 1))))


def lease(operation: Operation, attempts: int) -> timedelta:
    """How long a sending may stay unanswered before it is looked at again."""
    return max(LEASES[operation], backoff(attempts) if attempts > 1 else timedelta())


def unsent_pause(task: Task) -> timedelta:
    """How long the next issue may stay unconfirmed: twice as long each time, or an outage of the bus fills the log."""
    unsent = 0
    for issue in reversed(task.issues):
        if issue.sent_at is not None:
            break
        unsent += 1
    return min(UNSENT_AFTER * (1 << min(6, unsent)), UNSENT_AT_MOST)


def newest(tasks: Sequence[Task], *operations: Operation) -> dict[CustodianId, Task]:
    """The newest asking of these operations at each custodian."""
    found: dict[CustodianId, Task] = {}
    for task in sorted(tasks, key=lambda each: each.round):
        if task.operation in operations:
            found[task.custodian] = task
    return found
