"""What a request waits for, since when, whose move it is, and the next command: facts in, one judgement out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from contracts.command import Operation
from contracts.ids import CustodianId, RequestId, TaskId
from orchestrator.domain import owing
from orchestrator.domain.approval import SECOND_WITHIN
from orchestrator.domain.guards import ACTIVE
from orchestrator.domain.hindrance import (
    FIRST,
    SECOND,
    STATES,
    STEP,
    STUCK,
    Hindrance,
    Mover,
    WaitsFor,
    Word,
    machine,
    order,
)
from orchestrator.domain.owing import Asked, Owing, Queued, Surroundings
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.domain.task import OPEN, TaskState

LATE_AFTER: Final = timedelta(minutes=2)
"""The clock looks every second, and again after a minute at what could not go on."""
BUILDING_FOR: Final = timedelta(seconds=10)
"""A reporter is woken when a report is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one request, as far as it tells why it stands still."""

    id: RequestId
    kind: Kind
    state: State
    changed_at: datetime
    due: date
    outcome: Outcome | None = None
    blocked_by: Blocked | None = None
    grace_until: datetime | None = None
    wake_at: datetime | None = None
    first_signed_at: datetime | None = None  # the one signature of an approval that is not complete
    proposed: Mapping[str, int] = field(default_factory=dict)  # found identifiers that wait for a person, by kind
    report_wanted_at: datetime | None = None
    asked: tuple[Asked, ...] = ()
    queued: Mapping[TaskId, Queued] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A custodian that still owes something, since when, and when it was last heard."""

    custodian: CustodianId
    operation: Operation
    since: datetime
    last_heard: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Why(Hindrance):
    """The hindrance that blocks first; what else holds; and everybody who owes something."""

    also: tuple[Hindrance, ...] = ()
    owed: tuple[Owed, ...] = ()


def why(facts: Facts, around: Surroundings, *, at: datetime) -> Why:
    """Judge: what blocks the request first, and what else holds. The same for a list and for one screen."""
    if facts.state in (State.CLOSED, State.SHREDDED):
        return Why(**asdict(_ended(facts)))
    pending = [each for each in facts.asked if facts.state in ACTIVE[each.operation]]
    holding = [
        *_machines(facts, pending, around, at),
        *_people(facts, pending, around),
        *_tasks(facts, pending, around, at),
    ]
    first, *others = sorted(holding, key=order) or [_said(facts, STEP)]
    owed = tuple(_owed(each, around) for each in pending if each.state in OPEN)
    return Why(**asdict(first), also=tuple(others), owed=owed)


def _ended(facts: Facts) -> Hindrance:
    outcome = "" if facts.outcome is None else f" as {facts.outcome.replace('_', ' ')}"
    shredded = ", and its keys are destroyed" if facts.state is State.SHREDDED else ""
    return Hindrance(
        waits_for=WaitsFor.NOTHING,
        whose_move=Mover.NOBODY,
        says=f"nothing: it ended{outcome}{shredded}",
        since=facts.changed_at,
    )


def _machines(facts: Facts, pending: Sequence[Asked], around: Surroundings, at: datetime) -> Iterator[Hindrance]:
    """A role of ours that should have done something by now."""
    alarms = [each for each in (facts.wake_at, *(one.wake_at for one in pending)) if each is not None]
    if alarms and at - min(alarms) > LATE_AFTER:
        yield _idle(WaitsFor.ENGINE, "engine", around, min(alarms))
    wanted = facts.report_wanted_at if facts.state is State.REPORTING and facts.blocked_by is None else None
    if wanted is not None and at - wanted > BUILDING_FOR and "reporter" not in around.roles:
        yield _idle(WaitsFor.REPORTER, "reporter", around, wanted)


def _idle(waits_for: WaitsFor, role: str, around: Surroundings, since: datetime) -> Hindrance:
    if role in around.roles:
        return machine(waits_for, role, f"the {role} has not come to it, though its time has come", since)
    return machine(waits_for, role, f"the {role} does not run", since, f"dsar run {role}")


def _people(facts: Facts, pending: Sequence[Asked], around: Surroundings) -> Iterator[Hindrance]:
    """What a state waits for by itself, and a decision that is ours."""
    failed = any(each.state is TaskState.FAILED for each in pending)
    match facts.blocked_by:
        case Blocked.IDENTIFIERS | None:
            pass
        case Blocked.SEARCH_FAILED | Blocked.TASK_FAILED if failed:
            pass  # the tasks tell it, with names
        case Blocked.STOPPED if not around.stopped:
            pass  # released since: the clock comes to it within a minute
        case reason:
            yield _said(facts, STUCK[reason])
    if facts.proposed and facts.state is State.SEARCHING:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(facts.proposed.items()))
        told = _said(facts, STUCK[Blocked.IDENTIFIERS])
        yield replace(told, says=f"{told.says}: {kinds}")
    if facts.blocked_by is Blocked.REPORT_FAILED:
        return
    if facts.state is State.AWAITING_APPROVAL:
        yield _signature(facts)
    elif facts.state in STATES:
        until = {State.GRACE: facts.grace_until, State.WATCHING: facts.wake_at}.get(facts.state)
        yield replace(_said(facts, STATES[facts.state]), until=until)


def _signature(facts: Facts) -> Hindrance:
    signed = facts.first_signed_at
    if signed is None:
        return _said(facts, FIRST)
    return replace(_said(facts, SECOND), since=signed, until=signed + SECOND_WITHIN)


def _tasks(facts: Facts, pending: Sequence[Asked], around: Surroundings, at: datetime) -> Iterator[Hindrance]:
    for asked in pending:
        if asked.state in OPEN or asked.state is TaskState.FAILED:
            yield owing.hindrance(
                Owing(
                    asked=asked,
                    request=str(facts.id),
                    kind=facts.kind,
                    state=facts.state,
                    due=facts.due,
                    queued=facts.queued.get(asked.task),
                    around=around,
                    at=at,
                )
            )


def _said(facts: Facts, word: Word) -> Hindrance:
    return Hindrance(
        waits_for=word.waits_for,
        whose_move=word.whose_move,
        who=word.who,
        says=word.says,
        since=facts.changed_at,
        next_command=None if word.command is None else "dsar " + word.command.format(id=facts.id),
        by=word.by,
    )


def _owed(asked: Asked, around: Surroundings) -> Owed:
    return Owed(
        custodian=asked.custodian,
        operation=asked.operation,
        since=asked.owed_since,
        last_heard=around.heard.get(asked.custodian, owing.NEVER_HEARD).last,
    )
