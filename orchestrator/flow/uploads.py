"""What happens when a custodian uploads a part: only by the grant of its own issue, each part once."""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from contracts.ids import RequestId
from orchestrator.domain.errors import Conflict, Forbidden
from orchestrator.domain.request import State
from orchestrator.store import parts
from orchestrator.store.parts import Place
from orchestrator.store.session import Transaction

MAX_ISSUE_BYTES = 2**31 - 1
"""What the parts of one issue may weigh together."""


class GrantExpired(Forbidden):
    """The grant's time is over, or nobody waits for the data any more; a new issue brings a new grant."""

    code = "grant_expired"


class TooMuch(Forbidden):
    """The parts of this issue would weigh more than was granted."""

    code = "too_large"


class Standing(StrEnum):
    """Whether the part is there already."""

    WANTED = "wanted"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Where the bytes go, and how many more there may be."""

    request: RequestId
    standing: Standing
    limit: int

    def name(self, place: Place) -> str:
        """The object's name: nothing in it is about the person."""
        return f"{self.request}/{place.task}/{place.issue_no}/{place.n}"


async def admit(tx: Transaction, place: Place, *, bearer: str, digest: str) -> Admission:
    """Check the grant before a byte is read.

    Raises `Forbidden` for a wrong bearer, `GrantExpired`, `TooMuch`, and `Conflict` if another part lies there.
    """
    grant = await parts.grant(tx, place.task, place.issue_no)
    given = sha256(bearer.encode()).digest()
    if grant is None or grant.bearer_hash is None or not hmac.compare_digest(grant.bearer_hash, given):
        raise Forbidden("no grant for this upload")
    if tx.now >= grant.expires_at or grant.request_state != State.SEARCHING:
        raise GrantExpired("the grant's time is over")
    if grant.used >= MAX_ISSUE_BYTES:
        raise TooMuch("the parts of this issue weigh more than was granted")
    held = await parts.held(tx, place)
    if held is not None and held != digest:
        raise Conflict("another part lies there already")
    standing = Standing.WANTED if held is None else Standing.HELD
    return Admission(request=grant.request, standing=standing, limit=MAX_ISSUE_BYTES - grant.used)


async def stored(tx: Transaction, place: Place, *, data_class: str, digest: str, size: int) -> None:
    """Say that the part lies in the object store, whole and with this digest. Repeating it changes nothing."""
    await parts.stored(tx, place, data_class=data_class, digest=digest, size=size)
