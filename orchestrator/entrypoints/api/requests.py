"""Requests: taken in one by one or fifty at a time, listed by days left, shown with whom they wait for."""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from contracts.identifiers import IdentifierKind, MalformedIdentifier, UnknownIdentifierKind, identifier
from contracts.ids import RequestId
from orchestrator.domain.deadline import regime, zone
from orchestrator.domain.errors import Conflict, DsarError, InvalidInput, NotFound
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.domain.staff import Staff
from orchestrator.domain.waiting import Why
from orchestrator.entrypoints.api.deps import Caller, Deps, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.entrypoints.api.problems import Problem, problem_of
from orchestrator.flow import intake
from orchestrator.flow.intake import Form, Receipt
from orchestrator.store.requests import Opening
from orchestrator.store.session import Transaction
from orchestrator.store.views import requests as views
from orchestrator.store.views import why
from orchestrator.store.views.requests import KnownView, LineView, Place, ReportView, Summary, TaskView, Wanted, Which

MOST_AT_ONCE: Final = 50
KEY: Final = r"^[A-Za-z0-9._:-]{1,128}$"

router = APIRouter(prefix=f"{V1}/requests", tags=["requests"], route_class=GuardedRoute)


class IdentifierGiven(BaseModel):
    """Something that names the person."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    kind: str = Field(max_length=40, json_schema_extra={"enum": list(IdentifierKind)})
    value: str = Field(min_length=1, max_length=320, repr=False)


class OpenOne(BaseModel):
    """A request as support staff fill it in. `received_on` is the day on which it reached you; today if left out."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    kind: Kind
    identifiers: list[IdentifierGiven] = Field(min_length=1, max_length=20)
    regime: str = Field(default="eu_gdpr", max_length=40)
    received_on: date | None = None
    controller: str | None = Field(default=None, max_length=200)
    test: bool = False


class OpenRow(OpenOne):
    """One of many: each row has an idempotency key of its own."""

    idempotency_key: str = Field(pattern=KEY)


class OpenMany(BaseModel):
    """Up to fifty requests, taken in together. A row that is wrong is told, and does not stop the others."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    requests: list[OpenRow] = Field(min_length=1, max_length=MOST_AT_ONCE)


def _which(body: Any) -> str:  # noqa: ANN401 - whatever was sent
    return "many" if isinstance(body, dict) and "requests" in body else "one"


OpenBody = Annotated[Annotated[OpenOne, Tag("one")] | Annotated[OpenMany, Tag("many")], Discriminator(_which), Body()]
IdempotencyKey = Annotated[str | None, Header(pattern=KEY, description="required, unless many are sent at once")]


class Asked(BaseModel):
    """Which requests to list."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    which: Which = Which.OPEN
    kind: Kind | None = None
    state: State | None = None
    custodian: str | None = Field(default=None, max_length=48, description="only what waits for this custodian")
    after: str | None = Field(default=None, max_length=100, description="`next` of the page before")
    limit: int = Field(default=50, ge=1, le=500)


class Opened(BaseModel):
    """What came of one form. The same form under the same key gets the same answer."""

    key: str
    status: int
    id: RequestId | None = None
    state: str | None = None
    due: date | None = None
    repeated: bool = False
    problem: Problem | None = None


class OpenedMany(BaseModel):
    """One result a row, in the order of the rows."""

    results: list[Opened]


class Shown(BaseModel):
    """A request, as a list shows it."""

    id: RequestId
    kind: Kind
    state: State
    outcome: Outcome | None
    received_on: date
    due: date
    days_left: int | None  # negative when overdue; none once it has ended
    waiting: Why
    blocked_by: Blocked | None
    partial: bool
    signatures: int
    regime: str
    controller: str
    test: bool
    opened_at: datetime
    changed_at: datetime
    version: int


class Page(BaseModel):
    """A page of the list; `next` goes into `after` of the next page, and is missing on the last."""

    requests: list[Shown]
    next: str | None


class ShownWhole(Shown):
    """A request with its plan, what was asked of whom, its identifiers by kind, and its reports."""

    lines: tuple[LineView, ...]
    tasks: tuple[TaskView, ...]
    identifiers: tuple[KnownView, ...]
    reports: tuple[ReportView, ...]


@router.post("", status_code=201, response_model=Opened | OpenedMany)
async def open_(
    body: OpenBody, deps: Given, caller: Caller, response: Response, idempotency_key: IdempotencyKey = None
) -> Opened | OpenedMany:
    """Take in one request, or up to fifty. The same `Idempotency-Key` always gets the same receipt."""
    if isinstance(body, OpenMany):
        response.status_code = 200
        return OpenedMany(results=await _open(deps, caller, [(row.idempotency_key, row) for row in body.requests]))
    if idempotency_key is None:
        raise InvalidInput("send an `Idempotency-Key` header: a retry with the same key opens nothing twice")
    [opened] = await _open(deps, caller, [(idempotency_key, body)], alone=True)
    response.status_code = opened.status
    return opened


async def _open(deps: Deps, caller: Staff, rows: Sequence[tuple[str, OpenOne]], *, alone: bool = False) -> list[Opened]:
    """Prepare every row by itself, open all that are fit in one transaction, tell the rest."""
    prepared = await asyncio.gather(
        *(_prepare(deps, caller, key, row) for key, row in rows), return_exceptions=alone is False
    )
    openings = [each for each in prepared if isinstance(each, Opening)]
    async with deps.transactions() as tx:
        receipts = iter(await intake.open_(tx, openings) if openings else [])
    results = []
    for (key, _), each in zip(rows, prepared, strict=True):
        results.append(_result(next(receipts), alone=alone) if isinstance(each, Opening) else _refused(key, each))
    return results


async def _prepare(deps: Deps, caller: Staff, key: str, row: OpenOne) -> Opening:
    today = deps.clock().astimezone(zone(regime(row.regime))).date()
    if row.received_on is not None and row.received_on > today:
        raise InvalidInput("received_on lies in the future; give the day on which the request reached you")
    form = Form(
        kind=row.kind,
        identifiers=tuple(identifier(each.kind, each.value) for each in row.identifiers),
        regime=row.regime,
        received_on=row.received_on or today,
        received_given=row.received_on is not None,
        controller=row.controller or deps.controller,
        idempotency_key=key,
        test=row.test,
    )
    return await intake.prepare(
        form,
        request=deps.request_id(),
        seeds=(deps.new_secret(), deps.new_secret()),
        link_kms=deps.link_kms,
        reply_kms=deps.reply_kms,
        blind_key=deps.blind_key,
        by=caller.id,
    )


def _result(receipt: Receipt, *, alone: bool) -> Opened:
    if receipt.conflict:
        conflict = Conflict("this key was used for another body; a new request needs a new key")
        if alone:
            raise conflict
        return _refused(receipt.key, conflict)
    status = 200 if receipt.repeated else 201
    return Opened(
        key=receipt.key,
        status=status,
        id=receipt.request,
        state=receipt.state,
        due=receipt.due,
        repeated=receipt.repeated,
    )


def _refused(key: str, error: BaseException) -> Opened:
    if not isinstance(error, DsarError | UnknownIdentifierKind | MalformedIdentifier):
        raise error
    problem = problem_of(error)
    return Opened(key=key, status=problem.status if problem else 500, problem=problem)


@router.get("")
async def list_(deps: Given, asked: Annotated[Asked, Query()]) -> Page:
    """List requests, those with the fewest days left first."""
    wanted = Wanted(**asked.model_dump() | {"after": _place(asked.after)})
    async with deps.transactions() as tx:
        found = await views.page(tx, wanted)
        judged = await why.judged(tx, [each.id for each in found])
        shown = [Shown(**_shown(tx, each, judged[each.id])) for each in found]
    return Page(requests=shown, next=_cursor(found[-1]) if len(found) == asked.limit else None)


@router.get("/{request}")
async def show(request: UUID, deps: Given) -> ShownWhole:
    """Show one request: whom it waits for, since when, when they were last heard, what to do next."""
    async with deps.transactions() as tx:
        found = await views.whole(tx, RequestId(request))
        if found is None:
            raise NotFound("there is no such request; `dsar request list` shows those that are open")
        judged = await why.judged(tx, [found.summary.id])
        return ShownWhole(
            **_shown(tx, found.summary, judged[found.summary.id]),
            lines=found.lines,
            tasks=found.tasks,
            identifiers=found.identifiers,
            reports=found.reports,
        )


def _shown(tx: Transaction, summary: Summary, waiting: Why) -> dict[str, Any]:
    ended = summary.state in (State.CLOSED, State.SHREDDED)
    today = tx.now.astimezone(zone(regime(summary.regime))).date()
    told = {name: getattr(summary, name) for name in Shown.model_fields if name not in ("days_left", "waiting")}
    return told | {"days_left": None if ended else (summary.due - today).days, "waiting": waiting}


def _cursor(last: Summary) -> str:
    return urlsafe_b64encode(f"{last.due} {last.id}".encode()).decode()


def _place(cursor: str | None) -> Place:
    if cursor is None:
        return views.START
    try:
        due, _, id_ = urlsafe_b64decode(cursor).decode().partition(" ")
        return date.fromisoformat(due), UUID(id_)
    except ValueError:
        raise InvalidInput("`after` is not what a page gave as `next`; begin without it") from None
