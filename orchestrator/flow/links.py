"""What happens to the identifiers in answers before any lock is taken: opened, normalised, blinded, and forgotten."""

from collections.abc import Sequence

from contracts.answer import Answer
from contracts.door import Opened
from contracts.identifiers import MalformedIdentifier
from contracts.ids import RequestId
from contracts.keys import SealingKey
from contracts.sealing import Unsealable
from orchestrator.domain.admission import Claim, Claims, Found
from orchestrator.store import keys
from orchestrator.store.session import Transactions
from orchestrator.vault.identifiers import blind, open_identifier
from orchestrator.vault.keys import KeyUse, unwrap
from orchestrator.vault.kms import Kms


async def open_found(
    transaction: Transactions, answers: Sequence[Opened[Answer]], *, kms: Kms, blind_key: bytes
) -> Found:
    """The readable claims and the number of unreadable ones of each answer that carries any, by its digest."""
    carrying = [each for each in answers if each.message.found]
    if not carrying:
        return {}
    async with transaction() as tx:
        pairs = await keys.read(tx, {each.message.request_id for each in carrying})
    link = {
        request: await unwrap(kms, request, KeyUse.LINK, pair.link.wrapped)
        for request, pair in pairs.items()
        if pair.link.wrapped is not None
    }
    return {each.digest: _claims(each.message, link.get(each.message.request_id), blind_key) for each in carrying}


def _claims(answer: Answer, key: SealingKey | None, blind_key: bytes) -> Claims:
    if key is None:
        return Claims(unreadable=len(answer.found))
    opened = [_claim(sealed, key, answer.request_id, blind_key) for sealed in answer.found]
    readable = tuple(each for each in opened if each is not None)
    return Claims(readable=readable, unreadable=len(opened) - len(readable))


def _claim(sealed: str, key: SealingKey, request: RequestId, blind_key: bytes) -> Claim | None:
    try:
        known = open_identifier(sealed, key, request)
    except (Unsealable, MalformedIdentifier):
        return None  # counted in the answer's entry
    return Claim(kind=known.kind, blind=blind(blind_key, known), sealed=sealed)
