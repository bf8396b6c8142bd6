"""The figures that a scraper reads from the database: of what is open, never of what has ended.

None of these statements may cost more as the tables grow: they go by partial indexes, or by a place in the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, text

from orchestrator.store.session import Transaction

OPEN: Final = text("""
    select kind, state, blocked_by, regime, due, state = 'awaiting_approval' and probe_round > 0 as residual,
           count(*) as requests, extract(epoch from :now - min(changed_at)) as oldest
    from request where state not in ('closed', 'shredded') and not test
    group by kind, state, blocked_by, regime, due, residual
""")  # ix_request_open; at most a row a day left, kind and state
LANES: Final = text("""
    select lane, count(*) as intents, extract(epoch from :now - min(made_at)) as oldest from outbox group by lane
""")
HEARD: Final = text("""
    select c.id as custodian, extract(epoch from :now - coalesce(max(h.heard_at), c.admitted_at)) as age,
           coalesce(max(cast(h.body ->> 'lag_seconds' as int)) filter (where h.heard_at > :now - interval '2 minutes'),
                    0) as lag
    from custodian c left join heartbeat h on h.custodian = c.id where c.disabled_at is null group by c.id
""")  # what a worker that has gone said of its lag is no longer true
OWED: Final = text("""
    select custodian, count(*) as tasks, extract(epoch from :now - min(since)) as oldest
    from task where state in ('issued', 'halt_requested') group by custodian
""")  # ix_task_open
FAILED: Final = text("""
    select custodian, count(distinct request) as requests from (
        select custodian, request from task
        where state = 'failed' and request = any(array(
            select id from request where state not in ('closed', 'shredded') and blocked_by is not null))
        union all
        select custodian, request from task where wake_at is not null and state = 'planned' and error is not null
    ) as held_up group by custodian
""")  # ix_request_open, then the tasks of those few; and what waits to be tried again: ix_task_wake_at
STOPPED: Final = text("""
    select scope, what, extract(epoch from :now - at) as age from switch where stopped
""")
UNNUMBERED: Final = text("select extract(epoch from :now - min(handed_in_at)) as oldest from audit_pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Rows of counts and ages in seconds; no name of a person, no id of a request."""

    open: Sequence[Row[Any]]
    lanes: Sequence[Row[Any]]
    heard: Sequence[Row[Any]]
    owed: Sequence[Row[Any]]
    failed: Sequence[Row[Any]]
    stopped: Sequence[Row[Any]]
    unnumbered_s: float


async def figures(tx: Transaction) -> Figures:
    """Everything that is counted in the database."""
    now = {"now": tx.now}
    return Figures(
        open=(await tx.connection.execute(OPEN, now)).all(),
        lanes=(await tx.connection.execute(LANES, now)).all(),
        heard=(await tx.connection.execute(HEARD, now)).all(),
        owed=(await tx.connection.execute(OWED, now)).all(),
        failed=(await tx.connection.execute(FAILED)).all(),
        stopped=(await tx.connection.execute(STOPPED, now)).all(),
        unnumbered_s=float((await tx.connection.execute(UNNUMBERED, now)).scalar_one() or 0),
    )


NEWS: Final = text("""
    with fresh as (select seq, cast(convert_from(leaf, 'UTF8') as jsonb) as leaf
                   from audit_entry where seq > :after order by seq limit :limit)
    select leaf ->> 'type' as event, leaf ->> 'custodian' as custodian, leaf -> 'facts' ->> 'operation' as operation,
           count(*) as entries, max(seq) as last,
           coalesce(sum((select count(*) from jsonb_each_text(leaf -> 'facts' -> 'issues') as issue(custodian, no)
                         where cast(issue.no as int) > 1)), 0) as reissues
    from fresh group by event, custodian, operation
""")
MOST_NEWS: Final = 20_000
"""How many entries are read at once: what is more is told to the next scraper."""


async def news(tx: Transaction, *, after: int) -> Sequence[Row[Any]]:
    """What the log says after entry *after*, counted by event, custodian and operation."""
    return (await tx.connection.execute(NEWS, {"after": after, "limit": MOST_NEWS})).all()


UNDECIDED: Final = text("""
    select u.partition, u.place from unnest(cast(:partition as int[]), cast(:place as bigint[])) as u(partition, place)
    where not exists (select 1 from dead_letter d where d.partition = u.partition and d."offset" = u.place)
""")


async def undecided(tx: Transaction, places: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which dead letters at these places nobody has dealt with."""
    asked = {"partition": [partition for partition, _ in places], "place": [place for _, place in places]}
    return {(row.partition, row.place) for row in (await tx.connection.execute(UNDECIDED, asked)).all()}
