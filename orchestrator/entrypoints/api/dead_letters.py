"""Dead letters, for on-call: what could not be taken and why, sent again or dropped. Their content is never shown."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from contracts.dead_letter import Refusal
from orchestrator.domain.errors import NotFound
from orchestrator.domain.events import TICKET
from orchestrator.domain.staff import Staff
from orchestrator.entrypoints.api.deps import Caller, Deps, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.letters import Letter
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import letters as flow
from orchestrator.flow.letters import Decision, Reason
from orchestrator.store import letters as store
from orchestrator.store.letters import Decided

router = APIRouter(prefix=f"{V1}/dead-letters", tags=["dead letters"], route_class=GuardedRoute)
Partition = Annotated[int, Path(ge=0, le=2**31 - 1)]
Offset = Annotated[int, Path(ge=0, le=2**53)]


class Shown(BaseModel):
    """A dead letter without its content: where it lies, whose reader refused which record, and why."""

    partition: int
    offset: int
    at: datetime
    reader: str
    refusal: Refusal
    topic: str
    topic_partition: int
    topic_offset: int
    value_bytes: int
    headers: list[str]
    decided: Decided | None


class Why(BaseModel):
    """Why it is decided so. The words are ours and the ticket has no room for more: both go into the log for ever."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    reason: Reason
    ticket: str | None = Field(default=None, pattern=TICKET, description="like OPS-12")
    dry_run: bool = False


class Passing(BaseModel):
    """Whose next batch passes, whatever it holds, if its brake is pulled."""

    reader: str
    dry_run: bool


class Listed(BaseModel):
    """The newest first."""

    letters: list[Shown]


@router.get("")
async def list_(deps: Given, limit: Annotated[int, Query(ge=1, le=500)] = 50, *, undecided: bool = False) -> Listed:
    """List dead letters."""
    found = await deps.letters.newest(limit=limit)
    async with deps.transactions() as tx:
        decided = await store.decided(tx)
    shown = [_shown(each, decided) for each in found]
    return Listed(letters=[each for each in shown if not undecided or each.decided is None])


@router.post("/let-pass")
async def let_pass(body: Why, deps: Given, caller: Caller) -> Passing:
    """Release the brake of the engine: what it refuses goes to the dead letters, and it reads on. May be repeated."""
    async with deps.deciding(dry_run=body.dry_run) as tx:
        because = flow.Because(reason=body.reason, ticket=body.ticket, by=caller.id)
        await flow.let_pass(tx, deps.entry_id(), because)
    return Passing(reader="engine", dry_run=body.dry_run)


@router.get("/{partition}/{offset}")
async def show(partition: Partition, offset: Offset, deps: Given) -> Shown:
    """Show one dead letter."""
    letter = await _letter(deps, partition, offset)
    async with deps.transactions() as tx:
        return _shown(letter, await store.decided(tx))


@router.post("/{partition}/{offset}/replay")
async def replay(partition: Partition, offset: Offset, body: Why, deps: Given, caller: Caller) -> Shown:
    """Send the record again, as it was; whoever reads it checks it anew. May be repeated."""
    letter = await _letter(deps, partition, offset)
    shown = await _decide(deps, letter, Decision.REPLAYED, body, caller)
    if not body.dry_run:
        await deps.letters.replay(letter)
    return shown


@router.post("/{partition}/{offset}/drop")
async def drop(partition: Partition, offset: Offset, body: Why, deps: Given, caller: Caller) -> Shown:
    """Say that the letter needs nothing. It stays on its topic until it expires."""
    return await _decide(deps, await _letter(deps, partition, offset), Decision.DROPPED, body, caller)


async def _decide(deps: Deps, letter: Letter, decision: Decision, body: Why, caller: Staff) -> Shown:
    given = flow.Decided(decision=decision, reason=body.reason, ticket=body.ticket, by=caller.id)
    async with deps.deciding(dry_run=body.dry_run) as tx:
        place = {"partition": letter.partition, "offset": letter.offset}
        await flow.decide(tx, deps.entry_id(), letter.letter, given, **place)
        return _shown(letter, await store.decided(tx))


async def _letter(deps: Deps, partition: int, offset: int) -> Letter:
    letter = await deps.letters.read(partition, offset)
    if letter is None:
        raise NotFound("there is no dead letter at that place (any more); `dsar dead-letters list` shows them")
    return letter


def _shown(each: Letter, decided: Mapping[tuple[int, int], Decided]) -> Shown:
    letter = each.letter
    return Shown(
        partition=each.partition,
        offset=each.offset,
        at=datetime.fromtimestamp(letter.at, UTC),
        reader=letter.reader,
        refusal=letter.refusal,
        topic=letter.topic,
        topic_partition=letter.partition,
        topic_offset=letter.offset,
        value_bytes=letter.value_bytes,
        headers=[name for name, _ in letter.headers],
        decided=decided.get((each.partition, each.offset)),
    )
