"""Generations of the tables: which one counts, whether a backup was restored, and what it takes to begin the next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from contracts.ids import EventId, RequestId, TaskId
from orchestrator.audit.leaf import Leaf
from orchestrator.store.inbox import Filing
from orchestrator.store.session import Transaction

STANDING: Final = text("""
    select r.generation, r.log, r.at, r.backup_at, r.alarm_at, t.size from recovery r cross join audit_tree t
    where t.id = 1 order by r.generation desc limit 1
""")
ALARM: Final = text("""
    update recovery set alarm_at = :now
    where generation = (select max(generation) from recovery) and alarm_at is null
""")
BEGIN: Final = text("""
    insert into recovery (generation, log, at, backup_at)
    select greatest(:known + 1, cast(extract(epoch from cast(:now as timestamptz)) as bigint)), log, :now, :backup_at
    from recovery order by generation desc limit 1
    returning generation
""")  # by the clock, not by counting: the same backup restored a second time has forgotten the first
CONNECTED: Final = text("""
    select distinct usename from pg_stat_activity
    where usename = any(cast(:logins as text[])) and datname = current_database() order by usename
""")
LEAVES: Final = text("select seq, leaf from audit_entry where seq >= :first order by seq limit :limit")
PUT_BACK: Final = text("""
    insert into audit_entry (seq, id, request, leaf)
    select * from unnest(cast(:seq as bigint[]), cast(:id as uuid[]), cast(:request as uuid[]), cast(:leaf as bytea[]))
""")
PENDING: Final = text("select id from audit_pending")
NUMBERED_SINCE: Final = text("delete from audit_pending where id = any(cast(:id as uuid[]))")
GROW: Final = text("update audit_tree set size = :size where id = 1 and size < :size")
FORGET_INTENTS: Final = text("with held as (delete from held_back) delete from outbox")
VERSIONS: Final = text("""
    select id, version, state from request
    where id = any(cast(:ids as uuid[])) or state not in ('closed', 'shredded') order by id
""")
LIFT: Final = text("""
    update request r set version = u.version
    from unnest(cast(:id as uuid[]), cast(:version as int[])) as u(id, version)
    where r.id = u.id and r.version < u.version
""")
FORGET_REPORTS: Final = text("""
    update report set state = 'failed'
    where state = 'wanted' and request in (select id from request where state in ('closed', 'shredded'))
""")
FILE: Final = text("""
    insert into lost_answer (task, issue_no, digest, request, custodian, signed, kid, received_at)
    select u.task, u.issue_no, u.digest, u.request, u.custodian, u.signed, u.kid, :now
    from unnest(cast(:task as uuid[]), cast(:issue_no as int[]), cast(:digest as text[]), cast(:request as uuid[]),
                cast(:custodian as text[]), cast(:signed as bytea[]), cast(:kid as text[]))
        as u(task, issue_no, digest, request, custodian, signed, kid)
    on conflict do nothing returning task, digest
""")
LOST_ANSWERS: Final = text("select count(*) from lost_answer")
PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the database stands."""

    generation: int
    log: UUID
    at: datetime
    backup_at: datetime | None
    alarm_at: datetime | None
    size: int  # of the log: the next number

    @property
    def recovered_at(self) -> datetime | None:
        """When the last restored backup was taken up, if there ever was one."""
        return self.at if self.generation else None


@dataclass(frozen=True, slots=True)
class Version:
    """A request as the tables hold it."""

    version: int
    state: str


async def standing(tx: Transaction) -> Standing:
    """Read where the database stands; one statement."""
    row = (await tx.connection.execute(STANDING)).one()
    return Standing(
        generation=row.generation,
        log=row.log,
        at=row.at,
        backup_at=row.backup_at,
        alarm_at=row.alarm_at,
        size=row.size,
    )


async def alarm(tx: Transaction) -> None:
    """Tell every role, wherever it runs, that the database is behind what was known outside it."""
    await tx.connection.execute(ALARM, {"now": tx.now})


async def begin(tx: Transaction, *, known: int, backup_at: datetime) -> int:
    """Begin the next generation, above *known* and above every one that a forgotten recovery may have begun."""
    values = {"known": known, "now": tx.now, "backup_at": backup_at}
    generation: int = (await tx.connection.execute(BEGIN, values)).scalar_one()
    return generation


async def connected(tx: Transaction, logins: Sequence[str]) -> list[str]:
    """Which of these logins are connected to this database now."""
    return [row.usename for row in (await tx.connection.execute(CONNECTED, {"logins": list(logins)})).all()]


async def leaves(tx: Transaction, first: int) -> Sequence[tuple[int, bytes]]:
    """A page of the log from number *first* on."""
    rows = (await tx.connection.execute(LEAVES, {"first": first, "limit": PAGE})).all()
    return [(row.seq, row.leaf) for row in rows]


async def pending(tx: Transaction) -> set[EventId]:
    """Which entries the backup held that had no number yet: they tell nothing that it did not know."""
    return {EventId(row.id) for row in await tx.connection.execute(PENDING)}


async def put_back(tx: Transaction, entries: Sequence[tuple[int, bytes, Leaf]]) -> None:
    """Give numbered entries their numbers again; those that the backup held unnumbered are not numbered twice."""
    for at in range(0, len(entries), PAGE):
        page = entries[at : at + PAGE]
        arrays = {
            "seq": [seq for seq, _, _ in page],
            "id": [leaf.id for _, _, leaf in page],
            "request": [leaf.request for _, _, leaf in page],
            "leaf": [data for _, data, _ in page],
        }
        await tx.connection.execute(NUMBERED_SINCE, {"id": arrays["id"]})
        await tx.connection.execute(PUT_BACK, arrays)


async def grow(tx: Transaction, size: int) -> None:
    """Have the notary go on at number *size*: what was given out before is never given again."""
    await tx.connection.execute(GROW, {"size": size})


async def versions(tx: Transaction, ids: Sequence[RequestId]) -> dict[RequestId, Version]:
    """These requests, and all that are open, as the backup left them."""
    rows = (await tx.connection.execute(VERSIONS, {"ids": list(ids)})).all()
    return {RequestId(row.id): Version(row.version, row.state) for row in rows}


async def forget_intents(tx: Transaction) -> None:
    """Drop what should have been sent: its tasks' ids are of a generation that is over."""
    await tx.connection.execute(FORGET_INTENTS)


async def forget_reports(tx: Transaction) -> None:
    """Have no report built for a request that is closed again."""
    await tx.connection.execute(FORGET_REPORTS)


async def lift(tx: Transaction, versions_: Mapping[RequestId, int]) -> None:
    """Raise requests above every version that was ever told of them."""
    await tx.connection.execute(LIFT, {"id": list(versions_), "version": list(versions_.values())})


async def file(tx: Transaction, filings: Sequence[Filing]) -> list[Filing]:
    """File answers to forgotten commands, and return those that are new."""
    if not filings:
        return []
    arrays = {
        "task": [each.answer.task_id for each in filings],
        "issue_no": [each.answer.issue_no for each in filings],
        "digest": [each.digest for each in filings],
        "request": [each.answer.request_id for each in filings],
        "custodian": [each.answer.custodian for each in filings],
        "signed": [each.signed for each in filings],
        "kid": [each.kid for each in filings],
        "now": tx.now,
    }
    fresh = {(TaskId(row.task), row.digest) for row in await tx.connection.execute(FILE, arrays)}
    by_key = {(each.answer.task_id, each.digest): each for each in filings}
    return [each for key, each in by_key.items() if key in fresh]


async def lost_answers(tx: Transaction) -> int:
    """How many answers to forgotten commands have been filed."""
    count: int = (await tx.connection.execute(LOST_ANSWERS)).scalar_one()
    return count
