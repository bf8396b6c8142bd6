"""Why a custodian still owes something: has the command left, is anybody there, is it at work, has it failed?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from contracts.command import LANE_OF, Operation
from contracts.heartbeat import HEARTBEAT_SECONDS
from contracts.ids import CustodianId, TaskId
from orchestrator.domain.hindrance import Hindrance, Mover, WaitsFor, machine, stamp
from orchestrator.domain.request import Kind, State
from orchestrator.domain.staff import Role
from orchestrator.domain.stops import EVERYWHERE, Stops, What
from orchestrator.domain.task import LEASES, UNSENT_AFTER, TaskState

SILENT_AFTER: Final = timedelta(seconds=3 * HEARTBEAT_SECONDS)
"""Two heartbeats may be lost; after the third nobody is there."""
CLOSE: Final = timedelta(days=7)
"""So long before the due date a gap in the answer may be better than no answer."""
UNTAKEN_AFTER: Final = timedelta(seconds=10)
"""A dispatcher is woken when something is to be sent, and looks every second besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The newest asking of one operation at one custodian."""

    task: TaskId
    custodian: CustodianId
    operation: Operation
    state: TaskState
    since: datetime  # in this state
    error: str | None = None
    wake_at: datetime | None = None
    asked_at: datetime | None = None  # the first issue for what is wanted now
    issues: int = 0  # for what is wanted now
    unsent_since: datetime | None = None  # the first of those issues that no broker confirmed, the newest being one

    @property
    def wanted(self) -> Operation:
        """What is to be answered now."""
        return Operation.HALT if self.state is TaskState.HALT_REQUESTED else self.operation

    @property
    def owed_since(self) -> datetime:
        """Since when the answer is waited for."""
        return self.asked_at or self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A custodian as its last heartbeats show it."""

    last: datetime | None = None
    taking: bool = True  # some live worker accepts new work
    running: Mapping[TaskId, int] = field(default_factory=dict)  # what it says it is doing, and how much is done
    has_key: bool = True  # there is a key to seal to


NEVER_HEARD: Final = Heard(has_key=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """An intent of the request that no dispatcher has taken yet."""

    since: datetime
    before: int  # so many intents of its lane are due earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is not the request's own, and can keep it waiting all the same."""

    heard: Mapping[CustodianId, Heard] = field(default_factory=dict)
    stopped: Mapping[tuple[str, What], datetime] = field(default_factory=dict)  # since when, by scope
    roles: frozenset[str] = frozenset()  # of ours, that are logged in to the database
    kafka: bool | None = None  # whether it answers; None: nobody has asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Owing:
    """One asking with all that tells why it has not ended."""

    asked: Asked
    request: str
    kind: Kind
    state: State
    due: date
    queued: Queued | None
    around: Surroundings
    at: datetime

    @property
    def heard(self) -> Heard:
        """Its custodian."""
        return self.around.heard.get(self.asked.custodian, NEVER_HEARD)


def hindrance(owing: Owing) -> Hindrance:
    """Say why one asking that somebody still waits for has not ended."""
    if owing.asked.state is TaskState.FAILED:
        return _failed(owing)
    return _stopped(owing) or _not_sent(owing) or _later(owing) or _absent(owing) or _present(owing)


def _failed(owing: Owing) -> Hindrance:
    asked = owing.asked
    gap = owing.kind is Kind.ACCESS
    then = "the report will name what is missing" if gap else "nothing goes on before it is done"
    told = f"{asked.custodian} could not {asked.operation} ({asked.error or 'it gave no reason'}); {then}"
    retry = f"dsar request retry {owing.request}"
    return _ours(WaitsFor.GAP if gap else WaitsFor.RETRY, told, asked.since, retry)


def _stopped(owing: Owing) -> Hindrance | None:
    """We hold it back ourselves."""
    asked, stopped = owing.asked, owing.around.stopped
    if asked.state is not TaskState.PLANNED or not Stops(frozenset(stopped)).hold_back(asked.custodian, asked.wanted):
        return None
    scopes = [each for each in (EVERYWHERE, asked.custodian) if (each, What.ERASURE) in stopped]
    if asked.wanted is Operation.ERASE and scopes:
        there = "everywhere" if EVERYWHERE in scopes else f"at {asked.custodian}"
        command = "" if EVERYWHERE in scopes else f" --custodian {asked.custodian}"
        told, since = f"erasing is stopped {there}", min(stopped[each, What.ERASURE] for each in scopes)
        return _ours(WaitsFor.SWITCH, told, since, f"dsar switch release{command} --reason resolved")
    told, since = f"{asked.custodian} is paused: nothing is sent to it", stopped[asked.custodian, What.COMMANDS]
    return _ours(WaitsFor.PAUSED, told, since, f"dsar custodians resume {asked.custodian} --reason resolved")


def _ours(waits_for: WaitsFor, says: str, since: datetime, command: str, by: Role = Role.ONCALL) -> Hindrance:
    return Hindrance(
        waits_for=waits_for,
        whose_move=Mover.STAFF,
        who=by,
        says=says,
        since=since,
        next_command=command,
        by=by,
    )


def _not_sent(owing: Owing) -> Hindrance | None:
    """The command has not left, though it should have."""
    asked, queued = owing.asked, owing.queued
    if asked.state is TaskState.WAITING:
        return None
    if not owing.heard.has_key:
        told = f"{asked.custodian} has no valid key that a command could be sealed to"
        return _ours(WaitsFor.SEALING_KEY, told, asked.owed_since, "dsar custodians admit FILE", Role.ADMIN)
    if queued is not None and owing.at - queued.since > UNTAKEN_AFTER:
        return _untaken(owing, queued)
    if asked.unsent_since is not None and owing.at - asked.unsent_since > UNSENT_AFTER:
        return _kafka(owing, asked.unsent_since, "Kafka has not confirmed that it took the command")
    return None


def _untaken(owing: Owing, queued: Queued) -> Hindrance:
    role = f"dispatcher_{LANE_OF[owing.asked.wanted]}"
    if role not in owing.around.roles:
        return machine(WaitsFor.DISPATCHER, role, f"the {role} does not run", queued.since, f"dsar run {role}")
    if owing.around.kafka is False:
        return _kafka(owing, queued.since, "nothing can be sent")
    told = f"the {role} has not come to it: {queued.before} in its queue go first"
    return machine(WaitsFor.DISPATCHER, role, told, queued.since)


def _kafka(owing: Owing, since: datetime, told: str) -> Hindrance:
    why = "Kafka does not answer: " if owing.around.kafka is False else ""
    return machine(WaitsFor.KAFKA, "kafka", why + told, since)


def _later(owing: Owing) -> Hindrance | None:
    """It was agreed that it takes until then."""
    asked, name = owing.asked, owing.asked.custodian
    if asked.state is TaskState.WAITING and asked.wake_at is None:
        return _custodians(owing, WaitsFor.MANUAL, f"a person at {name} does it by hand")
    if asked.state is TaskState.WAITING:
        return _custodians(owing, WaitsFor.DEFERRED, f"{name} does it later, as it said itself", until=asked.wake_at)
    if asked.wake_at is not None and asked.error and asked.state is TaskState.PLANNED:
        told = f"{name} could not {asked.operation} just then ({asked.error}); it is asked again"
        return _custodians(owing, WaitsFor.BACKOFF, told, until=asked.wake_at)
    return None


def _absent(owing: Owing) -> Hindrance | None:
    """Nobody is there, or nobody who takes work."""
    name, last, what = owing.asked.custodian, owing.heard.last, _what(owing)
    if last is None:
        return _custodians(owing, WaitsFor.SILENT, f"{name} was never heard; it has yet to {what}")
    if owing.at - last > SILENT_AFTER:
        return _custodians(owing, WaitsFor.SILENT, f"{name} is silent since {stamp(last)}; it has yet to {what}")
    if not owing.heard.taking:
        return _custodians(owing, WaitsFor.DRAINING, f"{name} drains and takes no new work; it has yet to {what}")
    return None


def _present(owing: Owing) -> Hindrance:
    asked, name = owing.asked, owing.asked.custodian
    if asked.task in owing.heard.running:
        told = f"{name} is at work: {owing.heard.running[asked.task]} done of its {asked.operation}"
        return _custodians(owing, WaitsFor.ANSWER, told)
    if asked.asked_at is None:
        return _custodians(owing, WaitsFor.SENDING, f"{name} is about to be asked to {_what(owing)}")
    if owing.at - asked.asked_at > LEASES[asked.wanted]:
        told = f"{name} is there, but has not answered after {asked.issues} sendings; it has yet to {_what(owing)}"
        return _custodians(owing, WaitsFor.OVERDUE, told, until=asked.wake_at)
    if asked.wanted is Operation.HALT:
        return _custodians(owing, WaitsFor.HALT, f"{name} has yet to {_what(owing)}")
    return _custodians(owing, WaitsFor.ANSWER, f"{name} was asked to {_what(owing)}, and has time for it")


def _what(owing: Owing) -> str:
    asked = owing.asked
    return f"say what it could stop of its {asked.operation}" if asked.wanted is Operation.HALT else asked.operation


def _custodians(owing: Owing, waits_for: WaitsFor, says: str, *, until: datetime | None = None) -> Hindrance:
    asked = owing.asked
    in_part = waits_for in (WaitsFor.SILENT, WaitsFor.OVERDUE) and _closes(owing)
    without = f"dsar request release {owing.request} --in-part --reason TEXT --dry-run"
    return Hindrance(
        waits_for=waits_for,
        whose_move=Mover.CUSTODIAN,
        who=asked.custodian,
        says=says,
        since=asked.owed_since,
        until=until,
        next_command=without if in_part else "dsar custodians",
        by=Role.REVIEWER if in_part else Role.ONCALL,
    )


def _closes(owing: Owing) -> bool:
    """Whether the answer to an access is due so soon that a person may decide to let it go without somebody."""
    return owing.kind is Kind.ACCESS and owing.state is State.SEARCHING and owing.due - owing.at.date() <= CLOSE
