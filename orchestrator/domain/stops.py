"""What is stopped: erasing, everywhere or at one custodian (a kill switch), or all that is sent to one (a pause)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.command import Operation
from contracts.ids import CustodianId, RequestId, TaskId
from orchestrator.domain.case import Case, Intent
from orchestrator.domain.errors import Forbidden
from orchestrator.domain.events import SYSTEM, Event
from orchestrator.domain.guards import may_issue
from orchestrator.domain.staff import Role, Staff
from orchestrator.domain.task import TaskState

EVERYWHERE: Final = "*"
"""The scope of a switch that stands for every custodian; any other scope is a custodian's id."""


class What(StrEnum):
    """What is stopped."""

    ERASURE = "erasure"  # the kill switch: no erase leaves
    COMMANDS = "commands"  # a pause: nothing leaves; for one custodian only


class Why(StrEnum):
    """Why it was stopped or let go: no request stands behind a stop whose key could seal a person's own words."""

    INCIDENT = "incident"
    WRONG_ERASURE = "wrong_erasure"  # something was erased, or would be, that must not be
    LEAKED_KEY = "leaked_key"
    RESTORE = "restore"  # a backup was restored
    MAINTENANCE = "maintenance"
    OVERLOAD = "overload"
    OWNER_ASKED = "owner_asked"  # the custodian's team
    DRILL = "drill"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How somebody wants a switch to stand, and why."""

    scope: str
    what: What
    stopped: bool
    why: Why
    ticket: str | None = None  # where more is written about it


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(Wish):
    """A switch as somebody has left it."""

    by: str
    at: datetime


TOLD: Final[Mapping[tuple[What, bool], Event]] = MappingProxyType(
    {
        (What.ERASURE, True): Event.SWITCH_STOPPED,
        (What.ERASURE, False): Event.SWITCH_RELEASED,
        (What.COMMANDS, True): Event.CUSTODIAN_PAUSED,
        (What.COMMANDS, False): Event.CUSTODIAN_RESUMED,
    }
)
"""How the log tells it."""


@dataclass(frozen=True, slots=True)
class Stops:
    """All that is stopped at one moment."""

    pulled: frozenset[tuple[str, What]] = frozenset()

    @property
    def all_erasure(self) -> bool:
        """Whether nobody may be told to erase."""
        return (EVERYWHERE, What.ERASURE) in self.pulled

    def hold_back(self, custodian: CustodianId, operation: Operation) -> bool:
        """Whether a command for *operation* must not leave for *custodian* now. A halt always may: it stops."""
        if operation is Operation.HALT:
            return False
        if (custodian, What.COMMANDS) in self.pulled:
            return True
        return operation is Operation.ERASE and (self.all_erasure or (custodian, What.ERASURE) in self.pulled)

    def hold_all_back(self, custodians: Collection[CustodianId]) -> bool:
        """Whether an erasure at *custodians* must not begin: the switch for all, or one for each of them."""
        if self.all_erasure:
            return True
        return bool(custodians) and all(self.hold_back(each, Operation.ERASE) for each in custodians)


def turned(earlier: Switch | None, wish: Wish, *, by: str, at: datetime) -> Switch | None:
    """The switch after *wish*, or None if it stands so already: who came first stays named."""
    if wish.stopped is (earlier is not None and earlier.stopped):
        return None
    return Switch(
        scope=wish.scope, what=wish.what, stopped=wish.stopped, why=wish.why, ticket=wish.ticket, by=by, at=at
    )


def refuse_own_release(pulled: Switch | None, wish: Wish, staff: Staff) -> None:
    """Raise `Forbidden` where erasing would go on because of one person alone, or of the system's own stop unread.

    Anybody on call stops at once; letting go is for an admin, or for another person on call.
    """
    if wish.stopped or wish.what is not What.ERASURE or pulled is None or not pulled.stopped:
        return
    if Role.ADMIN not in staff.roles and pulled.by in (staff.id, SYSTEM):
        raise Forbidden("who stopped erasing does not release it: ask an admin, or somebody else who is on call")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A task that stays planned until a switch is released, and what its intent said."""

    task: TaskId
    request: RequestId
    custodian: CustodianId
    operation: Operation
    round: int
    due: date


def part(case: Case, intents: Sequence[Intent], stops: Stops) -> tuple[list[Intent], list[HeldBack]]:
    """Part what may leave of *intents* from what a switch holds back: one custodian never stops the others."""
    leaving: list[Intent] = []
    staying: list[HeldBack] = []
    for intent in intents:
        back = _held_back(case, intent, stops)
        staying.extend(back)
        rest = tuple(each for each in intent.tasks if each not in {one.task for one in back})
        if rest or not back:
            leaving.append(replace(intent, tasks=rest))
    return leaving, staying


def _held_back(case: Case, intent: Intent, stops: Stops) -> list[HeldBack]:
    if not may_issue(case.request, intent.operation):
        return []
    return [
        HeldBack(
            task=task.id,
            request=case.request.id,
            custodian=task.custodian,
            operation=intent.operation,
            round=intent.round,
            due=intent.due,
        )
        for task in case.tasks
        if task.id in intent.tasks
        and task.state is TaskState.PLANNED
        and stops.hold_back(task.custodian, intent.operation)
    ]
