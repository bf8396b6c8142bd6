"""What people see of requests: never a value of an identifier, only kinds, counts, dates and names of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, text

from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.ids import CustodianId, DataClass, RequestId
from contracts.manifest import Manifest
from contracts.results import Result
from orchestrator.domain.admission import Standing
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.domain.task import TaskState
from orchestrator.store.session import Transaction

RESULTS: Final = TypeAdapter(tuple[Result, ...])
MANIFEST: Final = TypeAdapter(Manifest)


class Which(StrEnum):
    """Which requests a list shows."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One request, as a list shows it."""

    id: RequestId
    kind: Kind
    state: State
    outcome: Outcome | None
    version: int
    regime: str
    controller: str
    test: bool
    received_on: date
    due: date
    blocked_by: Blocked | None
    partial: bool
    begun: bool
    signatures: int  # of the approval that counts now
    opened_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LineView:
    """One line of the plan."""

    custodian: CustodianId
    owner: str
    data_class: DataClass
    label: str
    required_level: int
    previewed: tuple[Result, ...]
    said: tuple[Result, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One asking of one operation at one custodian."""

    custodian: CustodianId
    operation: Operation
    round: int
    state: TaskState
    issues: int
    error: str | None
    since: datetime
    answers: Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownView:
    """An identifier, by its number and kind alone."""

    n: int
    kind: IdentifierKind
    standing: Standing
    found_by: CustodianId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """A version of the report."""

    n: int
    state: str
    digest: str | None
    size: int | None
    built_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One request with all that is shown of it."""

    summary: Summary
    lines: tuple[LineView, ...]
    tasks: tuple[TaskView, ...]
    identifiers: tuple[KnownView, ...]
    reports: tuple[ReportView, ...]


SUMMARY: Final = """
    select r.id, r.kind, r.state, r.outcome, r.version, r.regime, r.controller, r.test, r.received_on, r.due,
           r.blocked_by, r.partial, r.begun, r.opened_at, r.changed_at,
           case when a.request is null then 0 when a.second_by is null then 1 else 2 end as signatures
    from request r
    left join approval a on a.request = r.id and a.asking = r.asking and not a.void
"""
FILTERS: Final = """
      and (cast(:kind as text) is null or r.kind = :kind)
      and (cast(:state as text) is null or r.state = :state)
      and (cast(:custodian as text) is null or exists (
              select from task t where t.request = r.id and t.custodian = :custodian
                                   and t.state in ('planned', 'issued', 'waiting', 'halt_requested')))
      and (r.due, r.id) > (cast(:due as date), cast(:id as uuid))
    order by r.due, r.id limit :limit
"""
WHERE: Final[Mapping[Which, str]] = {
    Which.OPEN: "where r.state not in ('closed', 'shredded')",  # word by word what the index of open requests says
    Which.CLOSED: "where r.state in ('closed', 'shredded')",
    Which.ALL: "where true",
}
LISTS: Final = {which: text(SUMMARY + where + FILTERS) for which, where in WHERE.items()}
ONE: Final = text(SUMMARY + "where r.id = :id")
STANDING: Final = text("select state, outcome, version from request where id = :id")
LINES: Final = text("""
    select l.custodian, l.data_class, l.required_level, cast(l.previewed as text) as previewed,
           cast(l.said as text) as said, convert_from(m.body, 'UTF8') as manifest
    from plan_line l join manifest m on m.hash = l.manifest_hash
    where l.request = :id order by l.custodian, l.data_class
""")
TASKS: Final = text("""
    select custodian, operation, round, state, error, since, result,
           (select count(*) from issue i where i.task = t.id) as issues
    from task t where request = :id order by custodian, since, round
""")
KNOWN: Final = text("select n, kind, standing, found_by from identifier where request = :id order by n")
REPORTS: Final = text("select n, state, digest, size, built_at from report where request = :id order by n")

Place = tuple[date, UUID]
START: Final[Place] = (date.min, UUID(int=0))
"""Where the first page begins: before every request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A page of a list: sorted by days left, the next page begins after *after*."""

    which: Which = Which.OPEN
    kind: Kind | None = None
    state: State | None = None
    custodian: str | None = None
    after: Place = START
    limit: int = 50


async def page(tx: Transaction, wanted: Wanted) -> list[Summary]:
    """One page of the list."""
    due, id_ = wanted.after
    values = {
        "kind": wanted.kind,
        "state": wanted.state,
        "custodian": wanted.custodian,
        "due": due,
        "id": id_,
        "limit": wanted.limit,
    }
    return [_summary(row) for row in (await tx.connection.execute(LISTS[wanted.which], values)).all()]


async def summary(tx: Transaction, request: RequestId) -> Summary:
    """One request that exists, as a list shows it."""
    return _summary((await tx.connection.execute(ONE, {"id": request})).one())


async def whole(tx: Transaction, request: RequestId) -> Whole | None:
    """One request with its plan, its tasks, its identifiers by kind, and its reports."""
    held = (await tx.connection.execute(ONE, {"id": request})).first()
    if held is None:
        return None
    lines = (await tx.connection.execute(LINES, {"id": request})).all()
    tasks = (await tx.connection.execute(TASKS, {"id": request})).all()
    known = (await tx.connection.execute(KNOWN, {"id": request})).all()
    reports = (await tx.connection.execute(REPORTS, {"id": request})).all()
    return Whole(
        summary=_summary(held),
        lines=tuple(_line(row) for row in lines),
        tasks=tuple(_task(row) for row in tasks),
        identifiers=tuple(
            KnownView(n=row.n, kind=IdentifierKind(row.kind), standing=Standing(row.standing), found_by=row.found_by)
            for row in known
        ),
        reports=tuple(
            ReportView(n=row.n, state=row.state, digest=row.digest, size=row.size, built_at=row.built_at)
            for row in reports
        ),
    )


async def standing(tx: Transaction, request: RequestId) -> Row[Any]:
    """Where a request that exists stands now: its state, outcome and version."""
    return (await tx.connection.execute(STANDING, {"id": request})).one()


def _summary(row: Row[Any]) -> Summary:
    return Summary(
        id=RequestId(row.id),
        kind=Kind(row.kind),
        state=State(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        version=row.version,
        regime=row.regime,
        controller=row.controller,
        test=row.test,
        received_on=row.received_on,
        due=row.due,
        blocked_by=Blocked(row.blocked_by) if row.blocked_by else None,
        partial=row.partial,
        begun=row.begun,
        signatures=row.signatures,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
    )


def _line(row: Row[Any]) -> LineView:
    manifest = MANIFEST.validate_json(row.manifest)
    label = next((each.label for each in manifest.classes if each.name == row.data_class), row.data_class)
    return LineView(
        custodian=CustodianId(row.custodian),
        owner=manifest.owner,
        data_class=DataClass(row.data_class),
        label=label,
        required_level=row.required_level,
        previewed=RESULTS.validate_json(row.previewed),
        said=RESULTS.validate_json(row.said),
    )


def _task(row: Row[Any]) -> TaskView:
    return TaskView(
        custodian=CustodianId(row.custodian),
        operation=Operation(row.operation),
        round=row.round,
        state=TaskState(row.state),
        issues=row.issues,
        error=row.error,
        since=row.since,
        answers=row.result,
    )
