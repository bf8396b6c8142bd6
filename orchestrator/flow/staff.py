"""What happens when somebody joins, gets a token, leaves, or tries what their roles do not allow."""

from collections.abc import Collection
from datetime import timedelta
from hashlib import sha256
from typing import Final

from contracts.ids import EventId
from orchestrator.domain.errors import InvalidInput, NotFound
from orchestrator.domain.events import Entry, Event, Facts
from orchestrator.domain.staff import Role, Staff
from orchestrator.store import cases
from orchestrator.store import staff as people
from orchestrator.store.session import Transaction

TOKEN_PREFIX: Final = "dst_"  # noqa: S105 - what every token begins with
TOKEN_DAYS: Final = timedelta(days=90)


def token_of(secret: bytes) -> str:
    """Write down a token: shown once, never stored. *secret* is 32 bytes that nobody can guess."""
    return TOKEN_PREFIX + secret.hex()


def token_hash(token: str) -> bytes:
    """What is stored of a token: it has 256 random bits, so a plain hash cannot be searched."""
    return sha256(token.encode()).digest()


async def add(tx: Transaction, entry: EventId, *, staff: str, name: str, roles: Collection[Role], by: str) -> Staff:
    """Add a member of staff; raise `InvalidInput` for one without a role or a name."""
    if not roles or not name.strip():
        raise InvalidInput("a member of staff has a name and at least one role: " + ", ".join(Role))
    joined = Staff(id=staff, roles=frozenset(roles))
    await people.add(tx, joined, name=name.strip())
    await _log(tx, entry, Event.STAFF_ADDED, by=by, facts={"staff": staff, "roles": sorted(roles)})
    return joined


async def issue(
    tx: Transaction, entry: EventId, *, staff: str, token: str, by: str, lasts: timedelta = TOKEN_DAYS
) -> None:
    """Let *token* speak for *staff*, 90 days at most; raise `NotFound` for somebody unknown or disabled."""
    if not timedelta() < lasts <= TOKEN_DAYS:
        raise InvalidInput("a token lasts more than 0 and at most 90 days")
    if await people.lock(tx, staff) is None:
        raise NotFound("no such member of staff, or disabled; `dsar staff list` shows them all")
    await people.issue(tx, staff, token_hash=token_hash(token), expires_at=tx.now + lasts)
    await _log(
        tx, entry, Event.TOKEN_ISSUED, by=by, facts={"staff": staff, "hours": int(lasts.total_seconds() // 3600)}
    )


async def disable(tx: Transaction, entry: EventId, *, staff: str, by: str) -> None:
    """Disable *staff* and every token of theirs, at once; raise `NotFound` if there is nobody to disable."""
    if await people.lock(tx, staff) is None:
        raise NotFound("no such member of staff, or disabled already; `dsar staff list` shows them all")
    await people.disable(tx, staff)
    await _log(tx, entry, Event.STAFF_DISABLED, by=by, facts={"staff": staff})


async def refused(tx: Transaction, entry: EventId, *, by: str, method: str, route: str) -> None:
    """Record that somebody known tried what their roles do not allow."""
    await _log(tx, entry, Event.STAFF_REFUSED, by=by, facts={"method": method, "route": route})


async def _log(tx: Transaction, entry: EventId, event: Event, *, by: str, facts: Facts) -> None:
    await cases.append(tx, [Entry(id=entry, event=event, at=tx.now, actor=by, facts=facts)])
