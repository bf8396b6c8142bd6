"""The personal half of a log entry: a text that only the request's key opens, and a salt to commit under."""

from contracts.ids import RequestId
from contracts.keys import SealingKey, kid_of
from contracts.sealing import open_sealed, seal
from orchestrator.domain.events import Detail


def seal_detail(text: str, *, link_public: bytes, request_id: RequestId, salt: bytes) -> Detail:
    """Seal *text* to the request's link key; *salt* is 32 bytes that nobody can guess.

    Destroying the salt and the key leaves a commitment to nothing.
    """
    sealed = seal(text.encode(), to=link_public, kid=kid_of(link_public), apv=str(request_id))
    return Detail(text=text, salt=salt, sealed=sealed)


def open_detail(sealed: str, key: SealingKey, request_id: RequestId) -> str:
    """Open what `seal_detail` sealed; raise `Unsealable` for anything else."""
    return open_sealed(sealed, key=key, apv=str(request_id)).decode().rstrip()
