"""Approval of an erasure: two people's own signatures over the plan's hash, and what they are worth now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.framing import framed
from contracts.ids import EventId, RequestId
from orchestrator.domain.errors import Conflict, Forbidden
from orchestrator.domain.request import Request

APPROVAL_DOMAIN: Final = b"dsar-approval-v1"
ACTION: Final = "erase"
SECOND_WITHIN: Final = timedelta(hours=24)
"""For the second signature to arrive; a complete approval lives until the end of grace and as long again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One approver's own signature."""

    staff: str
    kid: str
    signed_at: datetime
    value: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the signature, hex: what a command shows of it."""
        return sha256(self.value).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What was signed for one asking of a request."""

    request: RequestId
    asking: int
    plan_hash: str
    first: Signature
    second: Signature | None = None
    entry: EventId | None = None  # of the second signature in the log
    void: bool = False

    def lapses_at(self, grace_until: datetime | None) -> datetime:
        """Until when it holds."""
        if self.second is None or grace_until is None:
            return self.first.signed_at + SECOND_WITHIN
        return grace_until + SECOND_WITHIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A row of the trust list: configuration, never the database."""

    staff: str
    kid: str
    public: bytes


TrustList = Mapping[str, Approver]
"""By kid."""


def approval_bytes(*, environment: str, request: RequestId, plan_hash: str, signed_at: datetime) -> bytes:
    """What an approver signs: this plan of this request, here, now, and nothing else."""
    stamp = str(int(signed_at.timestamp()))
    fields = (environment, str(request), plan_hash, ACTION, stamp)
    return APPROVAL_DOMAIN + framed(*(field.encode() for field in fields))


def genuine(signature: Signature, trust: TrustList, *, environment: str, request: RequestId, plan_hash: str) -> bool:
    """Whether *signature* is by a trusted key of the person named, over this plan."""
    approver = trust.get(signature.kid)
    if approver is None or approver.staff != signature.staff:
        return False
    signed = approval_bytes(
        environment=environment, request=request, plan_hash=plan_hash, signed_at=signature.signed_at
    )
    try:
        Ed25519PublicKey.from_public_bytes(approver.public).verify(signature.value, signed)
    except InvalidSignature:
        return False
    return True


def fits(
    approval: Approval, request: Request, trust: TrustList, *, environment: str, plan_hash: str, not_before: datetime
) -> bool:
    """Whether two different trusted people signed *plan_hash*, neither before *not_before*.

    Rows in a database are not enough: the caller makes the hash anew from what is about to be sent, and the oldest
    time that a signature may bear from its own settings, so that old ones of an asking that ended fit no more.
    """
    first, second = approval.first, approval.second
    if second is None or first.staff == second.staff or min(first.signed_at, second.signed_at) < not_before:
        return False
    if not approval.plan_hash == request.plan_hash == plan_hash:
        return False
    if {first.staff, second.staff} & {request.opened_by, request.verified_by}:
        return False
    if abs(second.signed_at - first.signed_at) > SECOND_WITHIN:
        return False
    return all(
        genuine(each, trust, environment=environment, request=request.id, plan_hash=approval.plan_hash)
        for each in (first, second)
    )


def add(earlier: Approval | None, signature: Signature, request: Request) -> Approval:
    """Add a signature that was found genuine; raise `Forbidden` where four eyes would be fewer."""
    if signature.staff in (request.opened_by, request.verified_by):
        raise Forbidden("who took the request in or verified the person cannot approve it; ask a third person")
    if request.plan_hash is None:
        raise Conflict("there is no plan to approve yet")
    current = earlier if earlier and not earlier.void and earlier.asking == request.asking else None
    if current is None:
        return Approval(request=request.id, asking=request.asking, plan_hash=request.plan_hash, first=signature)
    if current.first.staff == signature.staff:
        raise Forbidden("you have approved it already; the second approval must come from another person")
    if current.second is not None:
        raise Conflict("it is approved already")
    return replace(current, second=signature)
