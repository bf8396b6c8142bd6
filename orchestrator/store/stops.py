"""Stops: read under a lock that whoever releases waits for, turned with their entry, and the intents that wait."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from contracts.command import LANE_OF
from contracts.ids import CustodianId, EventId
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Entry
from orchestrator.domain.stops import EVERYWHERE, TOLD, HeldBack, Stops, Switch, What, Why, Wish, turned
from orchestrator.store import cases
from orchestrator.store.rows import columns
from orchestrator.store.session import Transaction

# takes the lock (shared, to the end of the transaction) and then looks, in one statement: schema 0002
STANDING: Final = text("select scope, what from dsar_stops()")
# who turns a switch; who reads one is not kept out
TURNING: Final = text("select pg_advisory_xact_lock(7236004)")
PATIENCE: Final = text("set local lock_timeout = '2s'")
# nobody is between having read the switches and committing what followed from it
READERS_DONE: Final = text("select pg_advisory_xact_lock(7236003)")
LOCK_NOT_AVAILABLE: Final = "55P03"
KNOWN: Final = text("select exists(select from custodian where id = :id)")
READ: Final = text("""
    select scope, what, stopped, why, ticket, by, at from switch where scope = :scope and what = :what
""")
WRITE: Final = text("""
    insert into switch (scope, what, stopped, why, ticket, by, at)
    values (:scope, :what, :stopped, :why, :ticket, :by, :at)
    on conflict (scope, what) do update set stopped = excluded.stopped, why = excluded.why, ticket = excluded.ticket,
                                            by = excluded.by, at = excluded.at
""")
HOLD: Final = text("""
    insert into held_back (task, request, custodian, lane, operation, round, due, held_at)
    select u.*, :now
    from unnest(cast(:task as uuid[]), cast(:request as uuid[]), cast(:custodian as text[]), cast(:lane as text[]),
                cast(:operation as text[]), cast(:round as int[]), cast(:due as date[])) as u
    on conflict (task) do nothing
""")
# what another switch still holds back is claimed, found stopped, and comes here again
LET_GO: Final = text("""
    with freed as (
        delete from held_back where (:everywhere or custodian = :custodian) and (:all or operation = 'erase')
        returning lane, request, operation, round, task, due),
    again as (
        insert into outbox (lane, request, operation, round, tasks, due, made_at)
        select lane, request, operation, round, array_agg(task order by task), due, :now
        from freed group by lane, request, operation, round, due)
    select pg_notify('dispatcher-' || lane, '') from (select distinct lane from freed) as lanes
""")
# a request that somebody decides on just now is left to the clock, which looks again by itself
WAKE: Final = text("""
    update request set wake_at = :now where id in (
        select id from request where state = 'grace' and blocked_by = 'erasure_stopped' order by id
        for no key update skip locked)
""")


async def standing(tx: Transaction) -> Stops:
    """All that is stopped. Until the caller's transaction ends nothing is released, and no stop counts as settled.

    Asked after the requests are locked, which is the order of all: a stop that committed before is always seen.
    """
    rows = (await tx.connection.execute(STANDING)).all()
    return Stops(frozenset((row.scope, What(row.what)) for row in rows))


async def read(tx: Transaction, scope: str, what: What) -> Switch | None:
    """One switch, kept from being turned by anybody else meanwhile; None if nobody ever touched it."""
    await tx.connection.execute(TURNING)
    row = (await tx.connection.execute(READ, {"scope": scope, "what": what})).first()
    if row is None:
        return None
    return Switch(
        scope=row.scope,
        what=What(row.what),
        stopped=row.stopped,
        why=Why(row.why),
        ticket=row.ticket,
        by=row.by,
        at=row.at,
    )


async def is_custodian(tx: Transaction, scope: str) -> bool:
    """Whether there is a custodian of that id."""
    known: bool = (await tx.connection.execute(KNOWN, {"id": scope})).scalar_one()
    return known


async def turn(tx: Transaction, wish: Wish, *, by: str, entry_id: EventId) -> bool:
    """Turn a switch, write its entry, and when it is released send the intents that waited; False if it stood so.

    A stop waits for nobody: every reader that begins after the commit sees it (`settled` says whether others are
    through). A release waits for readers, or an intent held back at that moment would wait for ever; raises `Conflict`
    if that takes too long.
    """
    switch = turned(await read(tx, wish.scope, wish.what), wish, by=by, at=tx.now)
    if switch is None:
        return False
    if not wish.stopped and not await settled(tx):
        raise Conflict("a dispatcher is in the middle of taking commands; try again in a moment")
    await tx.connection.execute(WRITE, {name: getattr(switch, name) for name in COLUMNS})
    if not wish.stopped:
        await _let_go(tx, wish)
    await cases.append(tx, [_entry(switch, entry_id)])
    return True


COLUMNS: Final = ("scope", "what", "stopped", "why", "ticket", "by", "at")


async def settled(tx: Transaction) -> bool:
    """Wait until nobody is between reading the switches and committing; False if somebody is, after two seconds.

    After a stop has settled, no command that it forbids is taken any more. What was taken before may still leave.
    """
    try:
        async with tx.connection.begin_nested():
            await tx.connection.execute(PATIENCE)
            await tx.connection.execute(READERS_DONE)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


async def _let_go(tx: Transaction, wish: Wish) -> None:
    scope = {
        "everywhere": wish.scope == EVERYWHERE,
        "custodian": wish.scope,
        "all": wish.what is What.COMMANDS,
        "now": tx.now,
    }
    await tx.connection.execute(LET_GO, scope)
    await tx.connection.execute(WAKE, {"now": tx.now})


def _entry(switch: Switch, entry_id: EventId) -> Entry:
    return Entry(
        id=entry_id,
        event=TOLD[switch.what, switch.stopped],
        at=switch.at,
        actor=switch.by,
        custodian=None if switch.scope == EVERYWHERE else CustodianId(switch.scope),
        facts={"scope": switch.scope, "why": switch.why, "ticket": switch.ticket},
    )


async def hold(tx: Transaction, held_back: Sequence[HeldBack]) -> None:
    """Keep what a switch holds back, in the transaction that claimed it and has read the switches."""
    if held_back:
        arrays = columns(
            held_back,
            {
                "task": lambda each: each.task,
                "request": lambda each: each.request,
                "custodian": lambda each: each.custodian,
                "lane": lambda each: LANE_OF[each.operation],
                "operation": lambda each: each.operation,
                "round": lambda each: each.round,
                "due": lambda each: each.due,
            },
        )
        await tx.connection.execute(HOLD, arrays | {"now": tx.now})
