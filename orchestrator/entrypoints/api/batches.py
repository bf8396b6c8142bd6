"""The same decisions for up to fifty requests at once: each row has its own result, and none stops the others."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from contracts.ids import RequestId
from orchestrator.domain.case import Decided, Step
from orchestrator.domain.errors import DsarError, Forbidden, InvalidInput, NotFound
from orchestrator.domain.events import Detail
from orchestrator.domain.staff import Staff
from orchestrator.entrypoints.api.approvals import Approval, Plan
from orchestrator.entrypoints.api.decisions import Release, Verdict
from orchestrator.entrypoints.api.deps import Caller, Deps, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.entrypoints.api.problems import Problem, problem_of
from orchestrator.flow import approval, identity, review, staff
from orchestrator.store import keys
from orchestrator.store.session import Transaction
from orchestrator.vault.details import seal_detail

MOST_AT_ONCE: Final = 50
Row = TypeVar("Row")

router = APIRouter(prefix=V1, tags=["batches"], route_class=GuardedRoute)


class VerdictRow(Verdict):
    """What a verifier found about one of many."""

    id: UUID


class ReleaseRow(Release):
    """One of many that may go on."""

    id: UUID


class ApprovalRow(Approval):
    """A signature under the plan of one of many."""

    id: UUID


class Verdicts(BaseModel):
    """Up to fifty verdicts."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    requests: list[VerdictRow] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Releases(BaseModel):
    """Up to fifty releases."""

    model_config = ConfigDict(extra="forbid")
    requests: list[ReleaseRow] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Approvals(BaseModel):
    """Up to fifty signatures of the caller, each under the plan of its own request."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    requests: list[ApprovalRow] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Result(BaseModel):
    """What came of one row: where the request stands after it, or why it stands where it stood."""

    id: RequestId
    status: int
    state: str | None = None
    outcome: str | None = None
    version: int | None = None
    problem: Problem | None = None


class Results(BaseModel):
    """One result a row, in the order of the rows."""

    results: list[Result]


class PlanResult(BaseModel):
    """The plan of one request, or why there is none to see."""

    id: RequestId
    status: int
    plan: Plan | None = None
    problem: Problem | None = None


class PlanResults(BaseModel):
    """One result an id, in the order of the ids."""

    results: list[PlanResult]


@router.post("/requests/verify")
async def verify(body: Verdicts, deps: Given, caller: Caller) -> Results:
    """Record what a verifier found about each of these people; custodians are asked about those who are confirmed."""
    rows = _once({RequestId(row.id): row for row in body.requests}, len(body.requests))
    async with deps.transactions() as tx:
        evidence = await _sealed(deps, tx, {id_: row.evidence for id_, row in rows.items()})
        verdicts = [
            identity.Verdict(
                request=id_, confirmed=row.result == "confirmed", method=row.method, evidence=evidence[id_]
            )
            for id_, row in rows.items()
            if id_ in evidence
        ]
        decided = await identity.judge(tx, verdicts, by=caller.id, policy=deps.policy)
    return await _results(deps, caller, list(rows), decided, route="verify")


@router.post("/requests/release")
async def release(body: Releases, deps: Given, caller: Caller) -> Results:
    """Let the reports of these requests be built from what there is."""
    wanted = _once({RequestId(row.id): row.in_part for row in body.requests}, len(body.requests))
    async with deps.transactions() as tx:
        decided = await review.release(tx, wanted, by=caller.id, policy=deps.policy)
    return await _results(deps, caller, list(wanted), decided, route="release")


@router.post("/requests/approve")
async def approve(body: Approvals, deps: Given, caller: Caller) -> Results:
    """Add the caller's signatures, each under the plan of its own request."""
    rows = _once({RequestId(row.id): row for row in body.requests}, len(body.requests))
    signed = [row.signed(id_, by=caller) for id_, row in rows.items()]
    async with deps.transactions() as tx:
        decided = await approval.approve(tx, signed, trust=deps.trust(), policy=deps.policy)
    return await _results(deps, caller, list(rows), decided, route="approve")


@router.get("/plans")
async def plans(
    ids: Annotated[list[UUID], Query(alias="id", min_length=1, max_length=MOST_AT_ONCE)], deps: Given
) -> PlanResults:
    """Show the plans of these requests as they are to be signed now."""
    wanted = [RequestId(each) for each in ids]
    async with deps.transactions() as tx:
        shown = await approval.show(tx, wanted, policy=deps.policy)
    return PlanResults(results=[_plan(id_, shown[id_]) for id_ in wanted])


def _plan(id_: RequestId, shown: approval.ShownPlan | DsarError) -> PlanResult:
    if isinstance(shown, DsarError):
        problem = _problem(shown)
        return PlanResult(id=id_, status=problem.status, problem=problem)
    return PlanResult(id=id_, status=200, plan=Plan(document=shown.document, hash=shown.hash, lines=shown.lines))


def _once(rows: Mapping[RequestId, Row], given: int) -> Mapping[RequestId, Row]:
    if len(rows) != given:
        raise InvalidInput("a request is named twice; name each once, so that it is clear what is decided about it")
    return rows


async def _sealed(deps: Deps, tx: Transaction, texts: Mapping[RequestId, str]) -> dict[RequestId, Detail]:
    """Each text sealed to its request's own key; none for a request that there is not."""
    pairs = await keys.read(tx, texts)
    return {
        id_: seal_detail(texts[id_], link_public=each.link.public, request_id=id_, salt=deps.new_secret())
        for id_, each in pairs.items()
    }


async def _results(deps: Deps, caller: Staff, rows: Sequence[RequestId], decided: Decided, *, route: str) -> Results:
    """What came of each row; whoever tried what is not theirs to do stands in the log."""
    if any(isinstance(each, Forbidden) for each in decided.values()):
        async with deps.transactions() as tx:
            path = f"{V1}/requests/{route}"
            await staff.refused(tx, deps.entry_id(), by=caller.id, method="POST", route=path)
    missing = NotFound("there is no such request")
    return Results(results=[_result(id_, decided.get(id_, missing)) for id_ in rows])


def _result(id_: RequestId, decided: Step | DsarError) -> Result:
    if isinstance(decided, DsarError):
        problem = _problem(decided)
        return Result(id=id_, status=problem.status, problem=problem)
    held = decided.request
    return Result(id=id_, status=200, state=held.state, outcome=held.outcome, version=held.version)


def _problem(refused: DsarError) -> Problem:
    problem = problem_of(refused)
    if problem is None:
        raise refused
    return problem
