"""Stops: the kill switches of erasing, for all and for one custodian, and pausing a custodian."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from contracts.wire import NAME
from orchestrator.domain.events import TICKET
from orchestrator.domain.staff import Staff
from orchestrator.domain.stops import EVERYWHERE, What, Why, Wish
from orchestrator.entrypoints.api.deps import Caller, Deps, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import stops
from orchestrator.store.views import stops as views

router = APIRouter(prefix=V1, tags=["stops"], route_class=GuardedRoute)
Custodian = Annotated[str, Path(pattern=NAME)]


class Reason(BaseModel):
    """Why, in a word of ours, and where more is written. The log keeps both for ever, so nothing else is taken."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    reason: Why
    ticket: str | None = Field(default=None, pattern=TICKET, description="like OPS-12")
    dry_run: bool = Field(default=False, description="change nothing, say what it would touch")


class Erasing(Reason):
    """The same, and whose erasing: nobody's in particular is everybody's."""

    custodian: str | None = Field(default=None, pattern=NAME)

    @property
    def scope(self) -> str:
        """What the switch stands for."""
        return self.custodian or EVERYWHERE


class Turned(BaseModel):
    """How the switch stands now (or would, after a dry run), and what it concerned before."""

    scope: str
    what: What
    stopped: bool
    changed: bool  # False: it stood so already, and who turned it first stays named
    dry_run: bool
    settled: bool | None  # after a stop: nobody is in the middle of taking commands that had not seen it
    touched: views.Touched


class Listed(BaseModel):
    """The switch for all, and every other that was ever touched."""

    switches: list[views.SwitchView]


@router.get("/switches")
async def list_(deps: Given) -> Listed:
    """List switches, with who turned them last, why, and what waits for them."""
    async with deps.transactions() as tx:
        return Listed(switches=await views.switches(tx))


@router.post("/switches/stop")
async def stop(body: Erasing, deps: Given, caller: Caller) -> Turned:
    """Let no erase leave any more, and no grace end. What has left before cannot be called back; halts still leave."""
    return await _turn(deps, caller, body, body.scope, What.ERASURE, stopped=True)


@router.post("/switches/release")
async def release(body: Erasing, deps: Given, caller: Caller) -> Turned:
    """Let erasing go on: what waited is sent at once. Not by who stopped it, unless they are an admin."""
    return await _turn(deps, caller, body, body.scope, What.ERASURE, stopped=False)


@router.post("/custodians/{custodian}/pause")
async def pause(custodian: Custodian, body: Reason, deps: Given, caller: Caller) -> Turned:
    """Send a custodian nothing more but halts; others are not held up."""
    return await _turn(deps, caller, body, custodian, What.COMMANDS, stopped=True)


@router.post("/custodians/{custodian}/resume")
async def resume(custodian: Custodian, body: Reason, deps: Given, caller: Caller) -> Turned:
    """Send a custodian what has waited for it, and whatever comes."""
    return await _turn(deps, caller, body, custodian, What.COMMANDS, stopped=False)


async def _turn(deps: Deps, staff: Staff, body: Reason, scope: str, what: What, *, stopped: bool) -> Turned:
    wish = Wish(scope=scope, what=what, stopped=stopped, why=body.reason, ticket=body.ticket)
    async with deps.deciding(dry_run=body.dry_run) as tx:
        turned = await stops.turn(tx, wish, staff=staff, entry_id=deps.entry_id())
    return Turned(
        scope=scope,
        what=what,
        stopped=stopped,
        changed=turned.changed,
        dry_run=body.dry_run,
        settled=await _settled(deps) if stopped and not body.dry_run else None,
        touched=turned.touched,
    )


async def _settled(deps: Deps) -> bool:
    """In a transaction after the stop's: it waits for those who began before that has committed."""
    async with deps.transactions() as tx:
        return await stops.settled(tx)
