"""What happens to a dead letter that a person has looked at: sent again, or dropped, and written down before."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.dead_letter import DeadLetter
from contracts.ids import EventId
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Entry, Event, Facts
from orchestrator.store import cases, letters
from orchestrator.store.session import Transaction


class Decision(StrEnum):
    """What is done with it."""

    REPLAYED = "replayed"
    DROPPED = "dropped"


class Reason(StrEnum):
    """Why. A word of ours: no request stands behind a letter whose key could seal anybody's own words."""

    REPAIRED = "repaired"  # what made it unreadable has been put right
    NOT_OURS = "not_ours"  # whoever wrote it is none of us
    OUTDATED = "outdated"  # what it was about has ended meanwhile
    DRILL = "drill"
    OTHER = "other"  # the ticket says


EVENTS = {Decision.REPLAYED: Event.DEAD_LETTER_REPLAYED, Decision.DROPPED: Event.DEAD_LETTER_DROPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Because:
    """Who decides, and why."""

    reason: Reason
    ticket: str | None  # where more is written about it
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided(Because):
    """What somebody decides about one letter."""

    decision: Decision


async def let_pass(tx: Transaction, entry: EventId, because: Because) -> None:
    """Have every engine whose brake is pulled put what it refuses into the dead letters, and read on."""
    await letters.let_pass(tx)
    facts: Facts = {"why": because.reason, "ticket": because.ticket}
    await cases.append(tx, [Entry(id=entry, event=Event.BRAKE_RELEASED, at=tx.now, actor=because.by, facts=facts)])


async def decide(
    tx: Transaction, entry: EventId, letter: DeadLetter, given: Decided, *, partition: int, offset: int
) -> None:
    """Record the decision. A letter may be replayed again: whoever reads it has seen it before. Dropping it ends it."""
    held = await letters.lock(tx, partition, offset)
    if held == Decision.DROPPED:
        raise Conflict("this letter was dropped; the log says by whom and when")
    if held is not None and given.decision is Decision.DROPPED:
        raise Conflict("this letter was replayed already, there is nothing left to drop")
    await letters.decide(tx, partition, offset, decision=given.decision, by=given.by, event=entry)
    facts: Facts = {
        "partition": partition,
        "offset": offset,
        "refusal": letter.refusal,
        "reader": letter.reader,
        "why": given.reason,
        "ticket": given.ticket,
    }
    logged = Entry(id=entry, event=EVENTS[given.decision], at=tx.now, actor=given.by, facts=facts)
    await cases.append(tx, [logged])
