"""What tells why requests stand still: as few statements for a page of requests as for one. Nothing personal."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text

from contracts.command import Operation
from contracts.ids import CustodianId, RequestId, TaskId
from orchestrator.domain.owing import SILENT_AFTER, Asked, Heard, Queued, Surroundings
from orchestrator.domain.request import Blocked, Kind, Outcome, State
from orchestrator.domain.stops import What
from orchestrator.domain.task import TaskState
from orchestrator.domain.waiting import Facts, Why, why
from orchestrator.store.session import Transaction

REQUESTS: Final = text("""
    select r.id, r.kind, r.state, r.outcome, r.blocked_by, r.changed_at, r.due, r.grace_until, r.wake_at,
           case when a.second_by is null then a.first_at end as first_signed_at,
           (select max(p.wanted_at) from report p where p.request = r.id and p.state = 'wanted') as report_wanted_at,
           coalesce((select jsonb_object_agg(k.kind, k.found) from (
                        select i.kind, count(*) as found from identifier i
                        where i.request = r.id and i.standing = 'proposed' group by i.kind) k), '{}') as proposed
    from request r left join approval a on a.request = r.id and a.asking = r.asking and not a.void
    where r.id = any(cast(:ids as uuid[]))
""")
# the newest asking of each operation at each custodian; of erasing and probing only what counts now
ASKED: Final = text("""
    select n.*, i.asked_at, i.issues, i.unsent_since
    from (select distinct on (t.request, t.custodian, t.operation) t.*, r.asking as asking_now, r.probe_round
          from task t join request r on r.id = t.request where t.request = any(cast(:ids as uuid[]))
          order by t.request, t.custodian, t.operation, t.round desc) n
    left join lateral (
        select min(e.issued_at) filter (where e.operation = w.operation) as asked_at,
               count(*) filter (where e.operation = w.operation) as issues,
               min(e.issued_at) filter (where e.no > coalesce(s.no, 0)) as unsent_since
        from issue e,
             (select case n.state when 'halt_requested' then 'halt' else n.operation end as operation) w,
             (select max(no) as no from issue where task = n.id and sent_at is not null) s
        where e.task = n.id) i on true
    where n.state in ('planned', 'issued', 'waiting', 'halt_requested', 'failed')
      and (n.operation <> 'erase' or n.asking = n.asking_now)
      and (n.operation <> 'probe' or n.round = n.probe_round)
    order by n.custodian, n.operation
""")
# how many go first is told up to a thousand: more is as bad
QUEUED: Final = text("""
    select o.request, unnest(o.tasks) as task, o.made_at,
           (select count(*) from (select 1 from outbox e where e.lane = o.lane and (e.due, e.id) < (o.due, o.id)
                                  limit 1000) as earlier) as before
    from outbox o where o.request = any(cast(:ids as uuid[]))
""")
HEARD: Final = text("""
    select c.id, h.last, coalesce(h.taking, true) as taking, coalesce(h.running, '[]') as running,
           exists (select 1 from custodian_key k where k.custodian = c.id and k.use = 'seal' and k.revoked_at is null
                   and k.not_before <= :now and (k.retire_after is null or k.retire_after > :now)) as has_key
    from custodian c
    left join (select custodian, max(heard_at) as last,
                      bool_or((body->>'accepting')::boolean and not (body->>'draining')::boolean)
                          filter (where heard_at >= :alive) as taking,
                      jsonb_agg(body->'running') filter (where heard_at >= :alive) as running
               from heartbeat group by custodian) h on h.custodian = c.id
    where c.id = any(cast(:custodians as text[]))
""")
ROLES: Final = text("""
    select distinct replace(usename, 'dsar_', '') as role from pg_stat_activity
    where datname = current_database() and starts_with(usename, 'dsar_')
""")
STOPPED: Final = text("select scope, what, at from switch where stopped")


async def judged(tx: Transaction, ids: Sequence[RequestId], *, kafka: bool | None = None) -> dict[RequestId, Why]:
    """Why each of these requests that exists stands where it stands. Whether *kafka* answers, the caller finds out."""
    known = await _read(tx, ids)
    around = await _around(tx, known, kafka=kafka)
    return {request: why(each, around, at=tx.now) for request, each in known.items()}


async def _read(tx: Transaction, ids: Sequence[RequestId]) -> dict[RequestId, Facts]:
    given = {"ids": list(ids)}
    rows = (await tx.connection.execute(REQUESTS, given)).all()
    asked = _by_request((await tx.connection.execute(ASKED, given)).all())
    queued = _by_request((await tx.connection.execute(QUEUED, given)).all())
    return {RequestId(row.id): _facts(row, asked.get(row.id, ()), queued.get(row.id, ())) for row in rows}


async def _around(tx: Transaction, requests: Mapping[RequestId, Facts], *, kafka: bool | None) -> Surroundings:
    custodians = sorted({each.custodian for one in requests.values() for each in one.asked})
    given = {"custodians": custodians, "now": tx.now, "alive": tx.now - SILENT_AFTER}
    heard = (await tx.connection.execute(HEARD, given)).all()
    roles = (await tx.connection.execute(ROLES)).all()
    stopped = (await tx.connection.execute(STOPPED)).all()
    return Surroundings(
        heard={CustodianId(row.id): _heard(row) for row in heard},
        stopped={(row.scope, What(row.what)): row.at for row in stopped},
        roles=frozenset(row.role for row in roles),
        kafka=kafka,
    )


def _by_request(rows: Sequence[Row[Any]]) -> Mapping[UUID, Sequence[Row[Any]]]:
    grouped: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row.request].append(row)
    return grouped


def _facts(row: Row[Any], asked: Sequence[Row[Any]], queued: Sequence[Row[Any]]) -> Facts:
    return Facts(
        id=RequestId(row.id),
        kind=Kind(row.kind),
        state=State(row.state),
        changed_at=row.changed_at,
        due=row.due,
        outcome=Outcome(row.outcome) if row.outcome else None,
        blocked_by=Blocked(row.blocked_by) if row.blocked_by else None,
        grace_until=row.grace_until,
        wake_at=row.wake_at,
        first_signed_at=row.first_signed_at,
        proposed=row.proposed,
        report_wanted_at=row.report_wanted_at,
        asked=tuple(_asked(each) for each in asked),
        queued={TaskId(each.task): Queued(since=each.made_at, before=each.before) for each in queued},
    )


def _asked(row: Row[Any]) -> Asked:
    return Asked(
        task=TaskId(row.id),
        custodian=CustodianId(row.custodian),
        operation=Operation(row.operation),
        state=TaskState(row.state),
        since=row.since,
        error=row.error,
        wake_at=row.wake_at,
        asked_at=row.asked_at,
        issues=row.issues,
        unsent_since=row.unsent_since,
    )


def _heard(row: Row[Any]) -> Heard:
    running = {TaskId(UUID(each["task_id"])): each["done"] for worker in row.running for each in worker}
    return Heard(last=row.last, taking=row.taking, running=running, has_key=row.has_key)
