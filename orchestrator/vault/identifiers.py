"""Identifiers at rest: sealed to the request's link key, and blinded so that equal ones can be found."""

import hmac

from pydantic import ValidationError

from contracts.command import SliceIdentifier
from contracts.framing import framed
from contracts.identifiers import Identifier, identifier
from contracts.ids import RequestId
from contracts.keys import SealingKey, kid_of
from contracts.sealing import Unsealable, open_sealed, seal


def seal_identifier(known: Identifier, link_public: bytes, request_id: RequestId) -> str:
    """Seal an identifier to the request's link key, as custodians do with those that they find."""
    content = SliceIdentifier(kind=known.kind, value=known.value)
    return seal(content.to_bytes(), to=link_public, kid=kid_of(link_public), apv=str(request_id))


def open_identifier(jwe: str, key: SealingKey, request_id: RequestId) -> Identifier:
    """Open and normalise an identifier, of ours or of a custodian.

    Raises `Unsealable` for what is none, `MalformedIdentifier` for a value that does not fit its kind.
    """
    try:
        content = SliceIdentifier.model_validate_json(open_sealed(jwe, key=key, apv=str(request_id)))
    except ValidationError:
        raise Unsealable("sealed, but no identifier") from None
    return identifier(content.kind, content.value)


def blind(key: bytes, known: Identifier) -> bytes:
    """Return what finds an identifier again without telling it: equal for equal ones, to holders of *key* alone."""
    return hmac.digest(key, framed(known.kind.encode(), known.value.encode()), "sha256")
