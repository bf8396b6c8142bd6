"""What has become due, by the one index on `wake_at`."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import text

from contracts.ids import RequestId
from orchestrator.store.session import Transaction

DUE: Final = text("""
    select id from (
        (select request as id, wake_at from task where wake_at <= :now order by wake_at limit :limit)
        union
        (select id, wake_at from request where wake_at <= :now order by wake_at limit :limit)) as due
    group by id order by min(wake_at) limit :limit
""")
# what could not go on is looked at again in a minute; what nobody waits for any more, never
SNOOZE_TASKS: Final = text("""
    update task t set wake_at = case when r.state in ('closed', 'shredded') then null
                                     else cast(:now as timestamptz) + interval '1 minute' end
    from request r where r.id = t.request and t.request = any(cast(:ids as uuid[])) and t.wake_at <= :now
""")
# a release wakes what a switch holds in grace: until then it is looked at for its approval's sake only
SNOOZE_REQUESTS: Final = text("""
    update request set wake_at = case when state in ('closed', 'shredded') then null
                                      when blocked_by = 'erasure_stopped' then cast(:now as timestamptz)
                                                                               + interval '10 minutes'
                                      else cast(:now as timestamptz) + interval '1 minute' end
    where id = any(cast(:ids as uuid[])) and wake_at <= :now
""")


async def due(tx: Transaction, *, limit: int) -> list[RequestId]:
    """The requests for which something is due, longest overdue first."""
    rows = (await tx.connection.execute(DUE, {"now": tx.now, "limit": limit})).all()
    return [RequestId(row.id) for row in rows]


async def snooze(tx: Transaction, ids: Collection[RequestId]) -> None:
    """Look at what is still due of these requests, locked by the caller, later."""
    for statement in (SNOOZE_TASKS, SNOOZE_REQUESTS):
        await tx.connection.execute(statement, {"ids": list(ids), "now": tx.now})
