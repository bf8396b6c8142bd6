"""What happens to the identifiers in answers before any lock is taken: opened, normalised, blinded, and forgotten."""

from collections.abc import Sequence

import structlog

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
from orchestrator.vault.kms import CannotUnwrap, Kms

log = structlog.get_logger()


async def open_found(
    transaction: Transactions, answers: Sequence[Opened[Answer]], *, kms: Kms, blind_key: bytes
) -> Found:
    """The readable claims and the number of unreadable ones of each answer that carries any, by its digest."""
    carrying = [each for each in answers if each.message.found]
    if not carrying:
        return {}
    async with transaction() as tx:
        pairs = await keys.read(tx, {each.message.request_id for each in carrying})
    link = {request: await _link_key(kms, request, pair) for request, pair in pairs.items()}
    return {each.digest: _claims(each.message, link.get(each.message.request_id), blind_key) for each in carrying}


async def _link_key(kms: Kms, request: RequestId, pairs: keys.Pairs) -> SealingKey | None:
    """The key, or None if it is gone or under a key that we lack: one request must not hold up a batch."""
    if pairs.link.wrapped is None:
        return None
    try:
        return await unwrap(kms, request, KeyUse.LINK, pairs.link.wrapped)
    except CannotUnwrap:
        log.error("links.unopened", request=str(request))
        return None


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
