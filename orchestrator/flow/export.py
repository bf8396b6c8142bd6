"""What happens when somebody takes the log away: that is an entry of it."""

from contracts.ids import EventId
from orchestrator.domain.events import Entry, Event
from orchestrator.store import cases
from orchestrator.store.session import Transaction
from orchestrator.store.views import log


async def begin(tx: Transaction, entry: EventId, *, by: str) -> int:
    """Record the export, and return the number of the last entry that it holds; -1 for an empty log."""
    last = await log.last(tx)
    facts = {"entries": last + 1}
    await cases.append(tx, [Entry(id=entry, event=Event.LOG_EXPORTED, at=tx.now, actor=by, facts=dict(facts))])
    return last
