"""What happens to a dead letter that a person has looked at: sent again, or dropped, and written down before."""

from enum import StrEnum

from contracts.dead_letter import DeadLetter
from contracts.ids import EventId
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Entry, Event
from orchestrator.store import cases, letters
from orchestrator.store.session import Transaction


class Decision(StrEnum):
    """What is done with it."""

    REPLAYED = "replayed"
    DROPPED = "dropped"


EVENTS = {Decision.REPLAYED: Event.DEAD_LETTER_REPLAYED, Decision.DROPPED: Event.DEAD_LETTER_DROPPED}


async def decide(
    tx: Transaction, entry: EventId, letter: DeadLetter, *, partition: int, offset: int, decision: Decision, by: str
) -> None:
    """Record the decision. A letter may be replayed again: whoever reads it has seen it before. Dropping it ends it."""
    held = await letters.lock(tx, partition, offset)
    if held == Decision.DROPPED:
        raise Conflict("this letter was dropped; the log says by whom and when")
    if held is not None and decision is Decision.DROPPED:
        raise Conflict("this letter was replayed already, there is nothing left to drop")
    await letters.decide(tx, partition, offset, decision=decision, by=by, event=entry)
    facts = {"partition": partition, "offset": offset, "refusal": letter.refusal.value, "reader": letter.reader}
    logged = Entry(id=entry, event=EVENTS[decision], at=tx.now, actor=by, facts=dict(facts))
    await cases.append(tx, [logged])
