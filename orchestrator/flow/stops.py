"""What happens when erasing is stopped or let go, and when a custodian is paused or resumed."""

from dataclasses import dataclass

from contracts.ids import EventId
from orchestrator.domain.errors import NotFound
from orchestrator.domain.staff import Staff
from orchestrator.domain.stops import EVERYWHERE, Wish, refuse_own_release
from orchestrator.store import stops
from orchestrator.store.session import Transaction
from orchestrator.store.views.stops import Touched, touched


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """What came of it, and what there was to be stopped or let go."""

    changed: bool
    touched: Touched


async def turn(tx: Transaction, wish: Wish, *, staff: Staff, entry_id: EventId) -> Turned:
    """Turn a switch as *staff* wish; to turn it again changes nothing, and is no entry.

    Raises `NotFound` for a custodian that is none, `Forbidden` for who releases what they stopped themselves, and
    `Conflict` for a release that found no quiet moment.
    """
    if wish.scope != EVERYWHERE and not await stops.is_custodian(tx, wish.scope):
        raise NotFound("there is no such custodian; `dsar custodians` lists them all")
    refuse_own_release(await stops.read(tx, wish.scope, wish.what), wish, staff)
    found = await touched(tx, wish.scope, wish.what)
    return Turned(changed=await stops.turn(tx, wish, by=staff.id, entry_id=entry_id), touched=found)


async def settled(tx: Transaction) -> bool:
    """Whether nobody is still taking commands who has not seen a stop that has committed; waits up to two seconds."""
    return await stops.settled(tx)
