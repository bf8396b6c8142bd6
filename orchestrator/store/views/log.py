"""The log as it is read: entries by number, exactly the bytes that were handed in."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from contracts.ids import RequestId
from orchestrator.store.session import Transaction, Transactions

LATEST: Final = text("""
    select seq, leaf from audit_entry
    where seq < :before and (cast(:request as uuid) is null or request = :request)
    order by seq desc limit :limit
""")
NEXT: Final = text("select seq, leaf from audit_entry where seq > :after and seq <= :last order by seq limit :limit")
LAST: Final = text("select coalesce(max(seq), -1) from audit_entry")
PAGE: Final = 1_000
END: Final = 2**63 - 1
"""Before this number: from the newest on."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An entry with its place in the log."""

    seq: int
    leaf: bytes


async def latest(
    tx: Transaction, *, request: RequestId | None = None, before: int = END, limit: int = 50
) -> list[Numbered]:
    """The newest entries first, of one request or of all."""
    values = {"before": before, "request": request, "limit": limit}
    return [Numbered(row.seq, row.leaf) for row in (await tx.connection.execute(LATEST, values)).all()]


async def last(tx: Transaction) -> int:
    """The number of the newest entry; -1 in an empty log."""
    seq: int = (await tx.connection.execute(LAST)).scalar_one()
    return seq


async def entries(transaction: Transactions, *, after: int, last: int) -> AsyncIterator[Numbered]:
    """All entries from *after* to *last*, a page at a time: numbered entries never change, so no lock is held."""
    while True:
        async with transaction() as tx:
            values = {"after": after, "last": last, "limit": PAGE}
            page = [Numbered(row.seq, row.leaf) for row in (await tx.connection.execute(NEXT, values)).all()]
        for each in page:
            yield each
        if len(page) < PAGE:
            return
        after = page[-1].seq
