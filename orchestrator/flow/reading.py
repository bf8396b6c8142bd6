"""What happens when a person of ours reads personal data: it is written down before it is shown."""

from dataclasses import dataclass, field

from contracts.ids import RequestId
from orchestrator.domain.admission import Known
from orchestrator.domain.case import Policy
from orchestrator.domain.draft import Draft
from orchestrator.domain.errors import Conflict
from orchestrator.domain.events import Event
from orchestrator.store import cases, keys
from orchestrator.store.session import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The identifiers of a request as they are kept, and the wrapped key that opens them."""

    identifiers: tuple[Known, ...] = field(repr=False)
    wrapped: bytes = field(repr=False)


async def identifiers(tx: Transaction, request: RequestId, *, by: str, policy: Policy) -> Sealed:
    """Record that *by* reads the identifiers, and hand them out sealed. Raises `Conflict` once they are shredded."""
    case = await cases.lock_one(tx, request)
    wrapped = (await keys.of_request(tx, request)).link.wrapped
    if wrapped is None:
        raise Conflict("the keys of this request were shredded: nobody can read its identifiers any more")
    draft = Draft(case, at=tx.now, policy=policy, actor=by)
    draft.note(Event.DATA_READ, facts={"what": "identifiers", "count": len(case.identifiers)})
    await cases.write(tx, [draft.step()])
    return Sealed(identifiers=case.identifiers, wrapped=wrapped)
