"""The personal half of a log entry: a text that only the request's key opens, and a salt to commit under."""

from dataclasses import dataclass, field

from contracts.ids import RequestId
from contracts.keys import SealingKey, kid_of
from contracts.sealing import open_sealed, seal


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedText:
    """A text, and how it is kept. Destroying the salt and the key leaves a commitment to nothing."""

    text: str = field(repr=False)
    salt: bytes = field(repr=False)
    sealed: str = field(repr=False)


def seal_text(text: str, *, link_public: bytes, request_id: RequestId, salt: bytes) -> SealedText:
    """Seal *text* to the request's link key; *salt* is 32 bytes that nobody can guess."""
    sealed = seal(text.encode(), to=link_public, kid=kid_of(link_public), apv=str(request_id))
    return SealedText(text=text, salt=salt, sealed=sealed)


def open_text(sealed: str, key: SealingKey, request_id: RequestId) -> str:
    """Open what `seal_text` sealed; raise `Unsealable` for anything else."""
    return open_sealed(sealed, key=key, apv=str(request_id)).decode().rstrip()
