"""What staff do when a request cannot go on by itself, or must not; each can be tried first, to see what it touches."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Body
from pydantic import BaseModel, ConfigDict, Field

from contracts.command import Operation
from contracts.ids import CustodianId, RequestId
from orchestrator.domain.case import Step, only
from orchestrator.domain.task import TaskState
from orchestrator.entrypoints.api.decisions import TEXT, Now, Release, now, sealed
from orchestrator.entrypoints.api.deps import Caller, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import ending, review

WORDS: Final = Field(default=None, min_length=1, max_length=2000, repr=False)
router = APIRouter(prefix=f"{V1}/requests/{{request}}", tags=["interventions"], route_class=GuardedRoute)


class Retry(BaseModel):
    """Why it is tried again; sealed. With `dry_run` nothing is changed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    reason: str | None = WORDS
    dry_run: bool = False


class ReleaseOne(Release):
    """The same for a release."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    reason: str | None = WORDS
    dry_run: bool = False


class Stop(BaseModel):
    """Why it is stopped; sealed. With `dry_run` nothing is changed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    reason: str = TEXT
    dry_run: bool = False


class Touched(BaseModel):
    """A task that is asked, asked again or halted."""

    custodian: CustodianId
    operation: Operation
    round: int
    state: TaskState


class Done(Now):
    """Where the request stands after it, or would stand after it, and what is asked of custodians."""

    dry_run: bool
    changed: bool = Field(description="Whether it did not stand so before.")
    tasks: list[Touched]


NO_WORDS: Final = Retry()


@router.post("/release")
async def release(request: UUID, body: ReleaseOne, deps: Given, caller: Caller) -> Done:
    """Let the report be built from what there is."""
    id_ = RequestId(request)
    async with deps.deciding(dry_run=body.dry_run) as tx:
        reasons = {} if body.reason is None else {id_: await sealed(deps, tx, id_, body.reason)}
        released = await review.release(tx, {id_: body.in_part}, by=caller.id, policy=deps.policy, reasons=reasons)
        return _done(only(released), dry_run=body.dry_run)


@router.post("/retry")
async def retry(request: UUID, deps: Given, caller: Caller, body: Annotated[Retry, Body()] = NO_WORDS) -> Done:
    """Ask again for what has failed: a new round, so that no custodian answers from memory."""
    id_ = RequestId(request)
    async with deps.deciding(dry_run=body.dry_run) as tx:
        reason = None if body.reason is None else await sealed(deps, tx, id_, body.reason)
        step = await review.retry(tx, id_, by=caller.id, policy=deps.policy, reason=reason)
        return _done(step, dry_run=body.dry_run)


@router.post("/cancel")
async def cancel(request: UUID, body: Stop, deps: Given, caller: Caller) -> Done:
    """Stop the request on our side; refused once an erasure has begun."""
    id_ = RequestId(request)
    async with deps.deciding(dry_run=body.dry_run) as tx:
        reason = await sealed(deps, tx, id_, body.reason)
        step = await ending.cancel(tx, id_, by=caller.id, reason=reason, policy=deps.policy)
        return _done(step, dry_run=body.dry_run)


@router.post("/withdraw")
async def withdraw(request: UUID, body: Stop, deps: Given, caller: Caller) -> Done:
    """The person takes the request back; an erasure that has begun is halted where it can be."""
    id_ = RequestId(request)
    async with deps.deciding(dry_run=body.dry_run) as tx:
        reason = await sealed(deps, tx, id_, body.reason)
        step = await ending.withdraw(tx, id_, by=caller.id, reason=reason, policy=deps.policy)
        return _done(step, dry_run=body.dry_run)


def _done(step: Step, *, dry_run: bool) -> Done:
    tasks = [
        Touched(custodian=each.custodian, operation=each.operation, round=each.round, state=each.state)
        for each in sorted(step.tasks, key=lambda each: (each.custodian, each.operation, each.round))
    ]
    return Done(**now(step).model_dump(), dry_run=dry_run, changed=bool(step.entries), tasks=tasks)
