"""What happens when a restored backup is taken up: all of it in one transaction, with everything that follows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from contracts.ids import CustodianId, EventId, RequestId
from orchestrator.audit.leaf import Leaf, parse
from orchestrator.audit.outside import (
    Beyond,
    LostRequest,
    UnfitLog,
    admitted,
    beyond,
    generation_of,
    lost_request,
    named,
    told_of,
)
from orchestrator.domain.case import Policy
from orchestrator.domain.events import Entry, Event, event_id
from orchestrator.domain.recovery import BY, ERASE_MAY_RUN_FOR, OVER, Outside, take_up
from orchestrator.domain.stops import EVERYWHERE, TOLD, What, Why, Wish
from orchestrator.store import cases, recovery, stops
from orchestrator.store import staff as people
from orchestrator.store.recovery import Standing
from orchestrator.store.session import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known outside the database: the exported log, and the notary's own file."""

    log: Sequence[bytes]  # by number; an empty one was lost with an earlier restore
    size: int = 0  # of the log, as the notary last saw it
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was done, for people. Ids and counts only."""

    generation: int
    again: bool  # it had been done before
    put_back: int = 0  # entries that the log outside still had
    numbers_lost: int = 0  # numbers that were given to entries that nobody has any more
    known_until: datetime | None = None  # the time of the last entry that anybody has
    taken_up: int = 0
    closed_again: tuple[RequestId, ...] = ()
    lost: tuple[LostRequest, ...] = ()
    staff_disabled: tuple[str, ...] = ()
    staff_lost: tuple[str, ...] = ()
    custodians_lost: tuple[CustodianId, ...] = ()
    stopped: tuple[str, ...] = ()  # scopes whose switch was set since the backup
    lost_answers: int = 0
    release_after: datetime


async def recover(
    tx: Transaction,
    known: Known,
    *,
    backup_at: datetime,
    why: Why,
    ticket: str | None,
    policy: Policy,
    new_entry: Callable[[], EventId],
) -> Recovered:
    """Take up the tables as a backup left them. Safe to repeat: what was done for this backup is not done twice.

    Raises `UnfitLog` if *known* is not the log of this database, or tells what cannot be done again.
    """
    standing = await recovery.standing(tx)
    await _same_log(tx, known.log, standing.size)
    size = max(standing.size, len(known.log), known.size)
    if standing.recovered_at and (standing.backup_at, standing.size, standing.alarm_at) == (backup_at, size, None):
        return await _as_it_was(tx, standing)
    told = beyond(known.log[standing.size :], but=await recovery.pending(tx))
    older = max(standing.generation, known.generation, generation_of(told.others))
    generation = await recovery.begin(tx, known=older, backup_at=backup_at)
    put_back = await _put_back(tx, known.log, standing.size)
    await recovery.grow(tx, size)
    await recovery.forget_intents(tx)
    done = await _requests(
        tx,
        told,
        numbers_lost=size - max(standing.size, len(known.log)),
        policy=replace(policy, generation=generation, recovered_at=tx.now),
    )
    done = replace(await _others(tx, told, done, new_entry), put_back=put_back, known_until=_last(known.log))
    wish = Wish(scope=EVERYWHERE, what=What.ERASURE, stopped=True, why=Why.RESTORE, ticket=ticket)
    await stops.turn(tx, wish, by=BY, entry_id=new_entry())
    await cases.append(tx, [_entry(done, new_entry(), tx.now, backup_at=backup_at, why=why, ticket=ticket)])
    return done


async def _as_it_was(tx: Transaction, standing: Standing) -> Recovered:
    return Recovered(
        generation=standing.generation,
        again=True,
        lost_answers=await recovery.lost_answers(tx),
        release_after=standing.at + ERASE_MAY_RUN_FOR,
    )


async def _same_log(tx: Transaction, outside: Sequence[bytes], size: int) -> None:
    """Raise `UnfitLog` unless what both hold is the same, byte for byte."""
    seen = 0
    while seen < size and (page := await recovery.leaves(tx, seen)):
        for seq, leaf in page:
            if seq < len(outside) and outside[seq] != leaf:
                raise UnfitLog(f"entry {seq} is another one in the database: this is not the log of this database")
        seen = page[-1][0] + 1


async def _put_back(tx: Transaction, outside: Sequence[bytes], size: int) -> int:
    entries = [(seq, data, parse(data)) for seq, data in enumerate(outside[size:], start=size) if data]
    await recovery.put_back(tx, entries)
    return len(entries)


def _last(log: Sequence[bytes]) -> datetime | None:
    leaf = next((each for each in reversed(log) if each), None)
    return parse(leaf).at if leaf is not None else None


async def _requests(tx: Transaction, told: Beyond, *, numbers_lost: int, policy: Policy) -> Recovered:
    """Every request that is open, or of which the log knows more, and every one that the tables never heard of."""
    held = await recovery.versions(tx, list(told.stories))
    outside = {id_: told_of(told.stories.get(id_, ()), since=each.version) for id_, each in held.items()}
    moved = [id_ for id_, each in held.items() if each.state not in OVER or outside[id_].version > each.version]
    above = {id_: max(held[id_].version, outside[id_].version) + numbers_lost for id_ in moved}
    await recovery.lift(tx, above)
    locked = await cases.lock(tx, moved)
    steps = [
        take_up(case, outside[id_], restored=held[id_].version, at=tx.now, policy=policy)
        for id_, case in locked.items()
    ]
    await cases.write(tx, steps)
    await recovery.forget_reports(tx)
    unknown = {id_: story for id_, story in told.stories.items() if id_ not in held}
    return Recovered(
        generation=policy.generation,
        again=False,
        numbers_lost=numbers_lost,
        taken_up=len(steps),
        closed_again=_ended(outside, moved),
        lost=await _lost(tx, unknown, numbers_lost),
        release_after=tx.now + ERASE_MAY_RUN_FOR,
    )


def _ended(outside: Mapping[RequestId, Outside], moved: Sequence[RequestId]) -> tuple[RequestId, ...]:
    return tuple(id_ for id_ in moved if outside[id_].ended is not None or outside[id_].withdrawn)


async def _lost(
    tx: Transaction, stories: Mapping[RequestId, Sequence[Leaf]], numbers_lost: int
) -> tuple[LostRequest, ...]:
    found = [lost_request(request, story) for request, story in sorted(stories.items())]
    lost = tuple(each for each in found if each is not None)
    versions = {each.id: each.version + numbers_lost + 1 for each in lost}
    entries = [
        Entry(
            id=event_id(each.id, versions[each.id]),
            event=Event.LOST,
            at=tx.now,
            actor=BY,
            request=each.id,
            version=versions[each.id],
        )
        for each in lost
    ]
    await cases.append(tx, entries)
    return lost


async def _others(tx: Transaction, told: Beyond, done: Recovered, new_entry: Callable[[], EventId]) -> Recovered:
    """What is about no request: staff, custodians, switches."""
    return replace(
        done,
        staff_disabled=await _staff(tx, told, new_entry),
        staff_lost=tuple(named(told.others, Event.STAFF_ADDED, "staff")),
        custodians_lost=tuple(admitted(told.others)),
        stopped=await _stops(tx, told, new_entry),
        lost_answers=await recovery.lost_answers(tx),
    )


async def _staff(tx: Transaction, told: Beyond, new_entry: Callable[[], EventId]) -> tuple[str, ...]:
    """Whoever was disabled since the backup is disabled again: their tokens came back with it."""
    again = [each for each in named(told.others, Event.STAFF_DISABLED, "staff") if await people.lock(tx, each)]
    for each in again:
        await people.disable(tx, each)
    entries = [
        Entry(id=new_entry(), event=Event.STAFF_DISABLED, at=tx.now, actor=BY, facts={"staff": each}) for each in again
    ]
    await cases.append(tx, entries)
    return tuple(again)


async def _stops(tx: Transaction, told: Beyond, new_entry: Callable[[], EventId]) -> tuple[str, ...]:
    """What was stopped at one custodian since the backup, and not let go, is stopped again."""
    words = {event: meant for meant, event in TOLD.items()}
    last: dict[tuple[str, What], tuple[bool, Leaf]] = {}
    for leaf in told.others:
        if leaf.event in words:
            what, stopped = words[leaf.event]
            last[str(leaf.facts["scope"]), what] = (stopped, leaf)
    again = []
    for (scope, what), (stopped, leaf) in last.items():
        if stopped and scope != EVERYWHERE:
            ticket = leaf.facts.get("ticket")
            wish = Wish(
                scope=scope,
                what=what,
                stopped=True,
                why=Why(str(leaf.facts["why"])),
                ticket=None if ticket is None else str(ticket),
            )
            if await stops.turn(tx, wish, by=BY, entry_id=new_entry()):
                again.append(scope)
    return tuple(again)


def _entry(
    done: Recovered, entry: EventId, at: datetime, *, backup_at: datetime, why: Why, ticket: str | None
) -> Entry:
    return Entry(
        id=entry,
        event=Event.RECOVERED,
        at=at,
        actor=BY,
        facts={
            "generation": done.generation,
            "backup_at": backup_at.isoformat(),
            "why": why,
            "ticket": ticket,
            "put_back": done.put_back,
            "numbers_lost": done.numbers_lost,
            "requests": done.taken_up,
            "closed_again": len(done.closed_again),
            "lost": len(done.lost),
        },
    )
