"""Cases: read under their lock, written whole. The only writer of state, entries and intents together."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from contracts.ids import CustodianId, RequestId
from contracts.manifest import Manifest
from orchestrator.audit.leaf import commitment, leaf_bytes
from orchestrator.domain import case as domain
from orchestrator.domain.case import Case, Decided, Step
from orchestrator.domain.errors import EffectWithoutEntry, NotFound, StaleRequest
from orchestrator.domain.events import Detail, Entry
from orchestrator.store import casewriting as sql
from orchestrator.store.manifests import manifests
from orchestrator.store.rows import approval_of, known_of, line_of, request_of, task_of
from orchestrator.store.session import Transaction

# by id: two batches that lock the same requests in another order would deadlock
LOCK: Final = text("""
    select * from request where id = any(cast(:ids as uuid[])) order by id for no key update
""")
TASKS: Final = text("""
    select t.id, t.request, t.custodian, t.operation, t.round, t.state, t.asking, cast(t.result as text) as result,
           t.answered_by, t.error, t.wake_at, t.since,
           coalesce((select cast(json_agg(json_build_array(i.no, i.command, i.operation, i.issued_at, i.expires_at,
                                                           i.sent_at, i.digest) order by i.no) as text)
                     from issue i where i.task = t.id), '[]') as issues
    from task t where t.request = any(cast(:ids as uuid[])) order by t.round, t.custodian
""")
# with the approval, which is read after the lock was got: joined to LOCK it would be from before a wait for it
LINES: Final = text("""
    select l.request, l.custodian, l.data_class, l.manifest_hash, l.required_level,
           cast(l.previewed as text) as previewed, cast(l.said as text) as said,
           a.asking, a.plan_hash, a.first_by, a.first_kid, a.first_at, a.first_signature,
           a.second_by, a.second_kid, a.second_at, a.second_signature, a.entry, a.void
    from plan_line l join request r on r.id = l.request
    left join approval a on a.request = l.request and a.asking = r.asking
    where l.request = any(cast(:ids as uuid[])) order by l.custodian, l.data_class
""")
IDENTIFIERS: Final = text("""
    select request, n, kind, sealed, blind, standing, admitted_in, found_by
    from identifier where request = any(cast(:ids as uuid[])) order by n
""")


async def lock(tx: Transaction, ids: Collection[RequestId]) -> dict[RequestId, Case]:
    """Lock these requests, in order of id, and read all that a decision about them sees. Unknown ids are left out."""
    wanted = {"ids": sorted(ids)}
    requests = (await tx.connection.execute(LOCK, wanted)).all()
    tasks = _by_request((await tx.connection.execute(TASKS, wanted)).all())
    lines = _by_request((await tx.connection.execute(LINES, wanted)).all())
    known = _by_request((await tx.connection.execute(IDENTIFIERS, wanted)).all())
    members = await manifests(tx, {row.manifest_hash for rows in lines.values() for row in rows})
    return {
        RequestId(row.id): Case(
            request=request_of(row),
            approval=approval_of(lines[row.id][0]) if lines[row.id] else None,
            tasks=tuple(task_of(each) for each in tasks[row.id]),
            lines=tuple(line_of(each) for each in lines[row.id]),
            identifiers=tuple(known_of(each) for each in known[row.id]),
            members=_members(lines[row.id], members),
        )
        for row in requests
    }


async def lock_one(tx: Transaction, request: RequestId) -> Case:
    """Lock one request; raise `NotFound` if there is none of that id."""
    case = (await lock(tx, [request])).get(request)
    if case is None:
        raise NotFound("there is no such request")
    return case


async def decide(tx: Transaction, ids: Collection[RequestId], decision: Callable[[Case], Step]) -> Decided:
    """Lock these requests, decide about each by itself, and write what was decided, in the caller's transaction.

    What *decision* refuses (a `DsarError`) is handed back in its place and changes nothing.
    """
    decided = domain.decide(await lock(tx, ids), ids, decision)
    await write_decided(tx, decided)
    return decided


async def write_decided(tx: Transaction, decided: Decided) -> None:
    """Write down what was decided, and nothing of what was refused."""
    await write(tx, [each for each in decided.values() if isinstance(each, Step)])


def _by_request(rows: Sequence[Row[Any]]) -> defaultdict[UUID, list[Row[Any]]]:
    grouped: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.request].append(row)
    return grouped


def _members(lines: Sequence[Row[Any]], known: Mapping[str, Manifest]) -> dict[CustodianId, Manifest]:
    return {row.custodian: known[row.manifest_hash] for row in lines}


async def write(tx: Transaction, steps: Collection[Step]) -> None:
    """Write *steps* down, in the caller's transaction: a statement per table, whatever the size of the batch.

    Raises `EffectWithoutEntry` for a step that says nothing, `StaleRequest` if a request changed since it was read.
    """
    if not steps:
        return
    for step in steps:
        if step.request.version != step.was + len(step.entries) or not step.entries:
            raise EffectWithoutEntry("a change without its log entry was refused")
    changed = await tx.connection.execute(sql.REQUESTS, sql.request_columns(steps, tx.now))
    if changed.rowcount != len(steps):
        raise StaleRequest("the request was changed meanwhile; read it again")
    for statement, parameters in sql.parts(steps):
        await tx.connection.execute(statement, parameters)
    due = any(step.request.wake_at is not None and step.request.wake_at <= tx.now for step in steps)
    await append(tx, [entry for step in steps for entry in step.entries], due=due)
    intents = [intent for step in steps for intent in step.intents]
    if intents:
        await tx.connection.execute(sql.INTENTS, sql.intent_columns(intents, tx.now))


async def append(tx: Transaction, entries: Sequence[Entry], *, due: bool = False) -> None:
    """Hand *entries* to the log, in the caller's transaction. Never commits, never numbers.

    The caller may assume nothing about their order: the notary decides it after the commit. *due*: with them comes
    something that the clock need not wait for.
    """
    if not entries:
        return
    leaves = {
        "id": [each.id for each in entries],
        "request": [each.request for each in entries],
        "leaf": [leaf_bytes(each, _commitment(each.detail)) for each in entries],
        "at": tx.now,
        "due": due,
    }
    await tx.connection.execute(sql.ENTRIES, leaves)
    if any(each.detail for each in entries):
        await tx.connection.execute(sql.DETAILS, sql.detail_columns(entries))


def _commitment(detail: Detail | None) -> bytes | None:
    return None if detail is None else commitment(detail.salt, detail.text)
