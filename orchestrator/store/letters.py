"""What was decided about dead letters. The letters themselves lie on their topic."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text

from contracts.ids import EventId
from orchestrator.store.session import Transaction

READ: Final = text('select decision from dead_letter where partition = :partition and "offset" = :offset for update')
DECIDE: Final = text("""
    insert into dead_letter (partition, "offset", decision, by, at, event)
    values (:partition, :offset, :decision, :by, :now, :event)
    on conflict (partition, "offset") do update set
        decision = excluded.decision, by = excluded.by, at = excluded.at, event = excluded.event
""")
BRAKE: Final = "engine-brake"
"""Where engines hear that a person wants what they refuse in the dead letters. Lost if none of them listens."""

ANNOUNCE: Final = text("select pg_notify(:channel, '')")
DECIDED: Final = text('select partition, "offset", decision, by, at from dead_letter')


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was done with a letter, by whom, when."""

    decision: str
    by: str
    at: datetime


async def lock(tx: Transaction, partition: int, offset: int) -> str | None:
    """What was decided about this letter, if anything was."""
    place = {"partition": partition, "offset": offset}
    decision: str | None = (await tx.connection.execute(READ, place)).scalar_one_or_none()
    return decision


async def decide(tx: Transaction, partition: int, offset: int, *, decision: str, by: str, event: EventId) -> None:
    """Write a decision down."""
    row = {
        "partition": partition,
        "offset": offset,
        "decision": decision,
        "by": by,
        "now": tx.now,
        "event": event,
    }
    await tx.connection.execute(DECIDE, row)


async def let_pass(tx: Transaction) -> None:
    """Tell every engine, once the transaction has committed."""
    await tx.connection.execute(ANNOUNCE, {"channel": BRAKE})


async def decided(tx: Transaction) -> dict[tuple[int, int], Decided]:
    """All decisions, by partition and offset."""
    return {
        (row.partition, row.offset): Decided(decision=row.decision, by=row.by, at=row.at)
        for row in (await tx.connection.execute(DECIDED)).all()
    }
