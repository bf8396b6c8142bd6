"""An approver's own signature over the plan that was shown."""

from base64 import b64encode
from uuid import UUID

from contracts.ids import RequestId
from orchestrator.domain.approval import approval_bytes
from orchestrator.domain.plan import PlanDocument, hash_of
from orchestrator.entrypoints.machine.cast import Actor
from tests.e2e.desk import now

ENVIRONMENT = "local"


def signed_plan(approver: Actor, request: UUID, document: PlanDocument) -> dict[str, object]:
    """What is posted to approve it."""
    assert approver.key is not None
    digest = hash_of(document)
    signed_at = now().replace(microsecond=0)
    signed = approval_bytes(environment=ENVIRONMENT, request=RequestId(request), plan_hash=digest, signed_at=signed_at)
    return {
        "plan_hash": digest,
        "kid": approver.key.kid,
        "signed_at": int(signed_at.timestamp()),
        "signature": b64encode(approver.key.sign(signed)).decode(),
    }
