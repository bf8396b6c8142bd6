"""The typed ids of both sides, and how a task id is derived."""

from hashlib import sha256
from typing import NewType
from uuid import UUID

from contracts.framing import framed

RequestId = NewType("RequestId", UUID)
TaskId = NewType("TaskId", UUID)
CommandId = NewType("CommandId", UUID)
EventId = NewType("EventId", UUID)
CustodianId = NewType("CustodianId", str)
WorkerId = NewType("WorkerId", str)
DataClass = NewType("DataClass", str)

TASK_DOMAIN = b"dsar-task-v1"


def task_id(
    *, environment: str, generation: int, request: RequestId, custodian: CustodianId, operation: str, round_: int
) -> TaskId:
    """Derive the id of one asking of one operation of one request at one custodian: the idempotency key of the ledger.

    *generation* grows with each restore of the orchestrator's database, so that no ledger answers a new asking
    from the memory of one that the database has forgotten. The same arguments give the same id, for ever.
    """
    fields = (environment, str(generation), str(request), custodian, operation, str(round_))
    digest = bytearray(sha256(TASK_DOMAIN + framed(*(field.encode() for field in fields))).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80  # version 8: RFC 9562, section 5.8
    digest[8] = (digest[8] & 0x3F) | 0x80
    return TaskId(UUID(bytes=bytes(digest)))
