"""The outbox: what shall be sent. Claiming a row is deleting it; what came of it is written on the issues."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from contracts.command import Lane, Operation
from contracts.ids import RequestId, TaskId
from orchestrator.domain.case import Intent
from orchestrator.store.session import Transaction

# claimed, never tailed by `id > last`: a row that commits late would be lost
CLAIM: Final = text("""
    delete from outbox where id in (
        select id from outbox where lane = :lane order by due, id limit :limit for update skip locked)
    returning id, request, operation, round, tasks, due
""")
SENT_LOCK: Final = text("select id from request where id = any(cast(:ids as uuid[])) order by id for no key update")
SENT: Final = text("""
    with u as (select * from unnest(cast(:task as uuid[]), cast(:no as int[]), cast(:digest as text[]),
                                    cast(:wake_at as timestamptz[])) as u(task, no, digest, wake_at)),
    marked as (update issue i set sent_at = :now, digest = u.digest from u where i.task = u.task and i.no = u.no)
    update task t set wake_at = u.wake_at from u
    where t.id = u.task and t.state in ('issued', 'halt_requested') and t.wake_at is not null
      and not exists (select 1 from issue later where later.task = u.task and later.no > u.no)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A sending that the broker confirmed, and when to look at the task again."""

    request: RequestId
    task: TaskId
    issue_no: int
    digest: str
    look_again_at: datetime


async def claim(tx: Transaction, lane: Lane, *, limit: int) -> list[Intent]:
    """Take up to *limit* intents, earliest due date first. They are gone when the transaction commits."""
    rows = (await tx.connection.execute(CLAIM, {"lane": lane, "limit": limit})).all()
    return [
        Intent(
            request=RequestId(row.request),
            operation=Operation(row.operation),
            round=row.round,
            tasks=tuple(TaskId(each) for each in row.tasks),
            due=row.due,
        )
        for row in sorted(rows, key=lambda row: (row.due, row.id))
    ]


async def mark_sent(tx: Transaction, sent: Sequence[Sent]) -> None:
    """Write down what was confirmed. An answer may have come first: its task is left as it is."""
    await tx.connection.execute(SENT_LOCK, {"ids": sorted({each.request for each in sent})})
    arrays = {
        "task": [each.task for each in sent],
        "no": [each.issue_no for each in sent],
        "digest": [each.digest for each in sent],
        "wake_at": [each.look_again_at for each in sent],
        "now": tx.now,
    }
    await tx.connection.execute(SENT, arrays)
