"""What stands in for those to whom a worker sends: the bus, and the receiver of parts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.answer import PartRef
from contracts.command import UploadGrant
from contracts.envelope import Envelope
from contracts.ids import TaskId
from contracts.parts import encrypt_part
from custodians.runner.packing import Part


@dataclass
class Sent:
    """Stands in for the sender: keeps what was sent, or is down."""

    envelopes: list[Envelope] = field(default_factory=list)
    down: bool = False

    async def send(self, envelopes: Sequence[Envelope]) -> tuple[bool, ...]:
        if self.down:
            return (False,) * len(envelopes)
        self.envelopes.extend(envelopes)
        return (True,) * len(envelopes)


@dataclass
class Store:
    """Stands in for the receiver of parts."""

    parts: dict[int, Part] = field(default_factory=dict)

    async def put(self, grant: UploadGrant, part: Part, *, task: TaskId, issue_no: int, key: bytes) -> PartRef:
        assert part.n < grant.max_bytes
        assert issue_no > 0
        body = encrypt_part(key, part.data, task=task, n=part.n, last=part.last)
        self.parts[part.n] = part
        return PartRef(n=part.n, data_class=part.data_class, digest=f"{part.n:064x}", size=len(body))
