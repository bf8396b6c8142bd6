"""The log's numbers: what was handed in is taken, numbered without a hole, and kept for ever."""

from typing import Any, Final

from sqlalchemy import text

from orchestrator.store.session import Transaction

ELECTED: Final = text("select pg_try_advisory_xact_lock(7236001)")
SIZE: Final = text("select size from audit_tree where id = 1 for update")
TAKE: Final = text("""
    delete from audit_pending where id in (
        select id from audit_pending order by handed_in_at, place limit :limit for update skip locked)
    returning id, request, leaf, handed_in_at, place
""")  # claimed, never tailed: a row that commits late would be lost
KEEP: Final = text("""
    insert into audit_entry (seq, id, request, leaf)
    select * from unnest(cast(:seq as bigint[]), cast(:id as uuid[]), cast(:request as uuid[]), cast(:leaf as bytea[]))
""")
GROW: Final = text("update audit_tree set size = :size where id = 1")


async def number(tx: Transaction, *, limit: int = 2000) -> int:
    """Number up to *limit* entries, in the caller's transaction; 0 if there are none or another notary is at it.

    The size is read from its row, never from memory: a notary that was frozen and came back must not fork the log.
    """
    if not (await tx.connection.execute(ELECTED)).scalar_one():
        return 0
    size: int = (await tx.connection.execute(SIZE)).scalar_one()
    rows = sorted((await tx.connection.execute(TAKE, {"limit": limit})).all(), key=_handed_in)
    if rows:
        arrays: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in ("id", "request", "leaf")}
        await tx.connection.execute(KEEP, arrays | {"seq": list(range(size, size + len(rows)))})
        await tx.connection.execute(GROW, {"size": size + len(rows)})
    return len(rows)


def _handed_in(row: Any) -> tuple[object, object]:  # noqa: ANN401 - SQLAlchemy types a row's columns so
    return row.handed_in_at, row.place
