"""Staff: who works here, what they may do, and their tokens."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.domain.staff import Role
from orchestrator.entrypoints.api.deps import Caller, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import staff as flow
from orchestrator.store import staff as people

router = APIRouter(prefix=f"{V1}/staff", tags=["staff"], route_class=GuardedRoute)
StaffId = Annotated[str, Path(max_length=64)]


class Joining(BaseModel):
    """A new member of staff. The name is kept apart from everything they do, and can be pruned."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    name: str = Field(min_length=1, max_length=120, repr=False)
    roles: list[Role] = Field(min_length=1)


class Joined(BaseModel):
    """The pseudonym by which the log knows them."""

    id: str
    roles: list[Role]


class TokenWanted(BaseModel):
    """How long a token lasts: 90 days at most."""

    model_config = ConfigDict(extra="forbid")
    hours: int = Field(default=24 * 90, ge=1, le=24 * 90)


class TokenIssued(BaseModel):
    """A token, shown this once."""

    staff: str
    token: str = Field(repr=False)
    expires_at: datetime


class Listed(BaseModel):
    """Everybody there ever was."""

    staff: list[people.Listed]


class Disabled(BaseModel):
    """Who can no longer do anything, from now on."""

    id: str


@router.get("")
async def list_(deps: Given) -> Listed:
    """List staff, with the number of their tokens that count."""
    async with deps.transactions() as tx:
        return Listed(staff=list(await people.listed(tx)))


@router.post("", status_code=201)
async def add(body: Joining, deps: Given, caller: Caller) -> Joined:
    """Add somebody. They can do nothing until they have a token."""
    id_ = f"st_{deps.new_id().hex[:12]}"
    async with deps.transactions() as tx:
        joined = await flow.add(tx, deps.entry_id(), staff=id_, name=body.name, roles=set(body.roles), by=caller.id)
    return Joined(id=joined.id, roles=sorted(joined.roles))


@router.post("/{staff}/tokens", status_code=201)
async def issue(staff: StaffId, body: TokenWanted, deps: Given, caller: Caller) -> TokenIssued:
    """Issue a token. Only its hash is kept: whoever loses it asks for another."""
    token = flow.token_of(deps.new_secret())
    lasts = timedelta(hours=body.hours)
    async with deps.transactions() as tx:
        await flow.issue(tx, deps.entry_id(), staff=staff, token=token, by=caller.id, lasts=lasts)
        return TokenIssued(staff=staff, token=token, expires_at=tx.now + lasts)


@router.post("/{staff}/disable")
async def disable(staff: StaffId, deps: Given, caller: Caller) -> Disabled:
    """Disable somebody and all their tokens, at once."""
    async with deps.transactions() as tx:
        await flow.disable(tx, deps.entry_id(), staff=staff, by=caller.id)
    return Disabled(id=staff)
