"""The figures that a scraper reads from the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, text

from orchestrator.store.session import Transaction

OPEN: Final = text("""
    select kind, state, count(*) as requests, count(*) filter (where due < current_date) as overdue
    from request where state not in ('closed', 'shredded') group by kind, state order by kind, state
""")
LANES: Final = text("""
    select lane, count(*) as intents, extract(epoch from :now - min(made_at)) as oldest from outbox group by lane
""")
HEARD: Final = text("""
    select custodian, extract(epoch from :now - max(heard_at)) as age from heartbeat group by custodian
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Rows of counts and ages in seconds; no name of a person, no id of a request."""

    open: Sequence[Row[Any]]
    lanes: Sequence[Row[Any]]
    heard: Sequence[Row[Any]]


async def figures(tx: Transaction) -> Figures:
    """Everything that is counted in the database."""
    now = {"now": tx.now}
    return Figures(
        open=(await tx.connection.execute(OPEN)).all(),
        lanes=(await tx.connection.execute(LANES, now)).all(),
        heard=(await tx.connection.execute(HEARD, now)).all(),
    )
