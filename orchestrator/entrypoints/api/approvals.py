"""The plan of an erasure, and the signatures of those who approve it."""

from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from contracts.ids import RequestId
from contracts.wire import DIGEST, KID, Seconds
from orchestrator.domain.approval import Signature
from orchestrator.domain.case import only
from orchestrator.domain.errors import InvalidInput
from orchestrator.domain.plan import Line, PlanDocument
from orchestrator.domain.staff import Staff
from orchestrator.entrypoints.api.deps import Caller, Given
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.flow import approval

router = APIRouter(prefix=f"{V1}/requests/{{request}}", tags=["approvals"], route_class=GuardedRoute)
SIGNATURE_BYTES = 64


class Plan(BaseModel):
    """What is to be approved. The hash is SHA-256 of the document's RFC 8785 form: compute it yourself.

    `lines` are shown beside it, with what the previews counted; a live store's counts are not part of the hash.
    """

    document: PlanDocument
    hash: str
    lines: tuple[Line, ...]


class Approval(BaseModel):
    """A signature by the caller's personal key over environment, request, plan hash, action and time."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    plan_hash: str = Field(pattern=DIGEST)
    kid: str = Field(pattern=KID)
    signed_at: Seconds
    signature: str = Field(max_length=100, description="base64")

    def signed(self, request: RequestId, *, by: Staff) -> approval.Signed:
        """The signature as *by* hands it in; raises `InvalidInput` for one that is none."""
        signature = Signature(
            staff=by.id,
            kid=self.kid,
            signed_at=datetime.fromtimestamp(self.signed_at, UTC),
            value=_raw(self.signature),
        )
        return approval.Signed(request=request, plan_hash=self.plan_hash, signature=signature)


class Approved(BaseModel):
    """Where it stands after the signature."""

    id: RequestId
    state: str
    signatures: int
    grace_until: datetime | None


@router.get("/plan")
async def plan(request: UUID, deps: Given) -> Plan:
    """Show the plan as it is to be signed now."""
    async with deps.transactions() as tx:
        shown = only(await approval.show(tx, [RequestId(request)], policy=deps.policy))
    return Plan(document=shown.document, hash=shown.hash, lines=shown.lines)


@router.post("/approve")
async def approve(request: UUID, body: Approval, deps: Given, caller: Caller) -> Approved:
    """Add the caller's signature. The second one, of another person, starts the grace period."""
    async with deps.transactions() as tx:
        given = [body.signed(RequestId(request), by=caller)]
        decided = only(await approval.approve(tx, given, trust=deps.trust(), policy=deps.policy))
    held = decided.request
    signatures = 2 if decided.approval and decided.approval.second else 1
    return Approved(id=held.id, state=held.state, signatures=signatures, grace_until=held.grace_until)


def _raw(text: str) -> bytes:
    try:
        raw = b64decode(text, validate=True)
    except Base64Error:
        raw = b""
    if len(raw) != SIGNATURE_BYTES:
        raise InvalidInput("`signature` is base64 of 64 bytes, as `dsar request approve` makes it")
    return raw
