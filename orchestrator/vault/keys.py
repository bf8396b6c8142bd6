"""The two key pairs of a request: private halves leave this module wrapped, or opened for one use."""

from enum import StrEnum
from typing import Final

from contracts.framing import framed
from contracts.ids import RequestId
from contracts.keys import SealingKey
from orchestrator.vault.kms import Kms, Wrapped

CONTEXT: Final = b"dsar-request-key-v1"


class KeyUse(StrEnum):
    """What a request's key pair is for; each use has a key-encrypting key of its own."""

    LINK = "link"  # identifiers: the engine and the dispatchers may unwrap
    REPLY = "reply"  # content keys, free text, the report: reporter and review only


def new_pair(seed: bytes) -> tuple[bytes, bytes]:
    """Return the raw public and private key of *seed*: 32 bytes that nobody can guess."""
    return SealingKey.generate(seed).public, seed


async def wrap_pair(kms: Kms, request_id: RequestId, use: KeyUse, private: bytes) -> bytes:
    """Wrap a private key for this request and use alone."""
    return (await kms.wrap(private, _context(request_id, use))).to_bytes()


async def unwrap(kms: Kms, request_id: RequestId, use: KeyUse, wrapped: bytes) -> SealingKey:
    """Open a wrapped private key; raise `CannotUnwrap` if it is of another request or use, or the KMS lacks its key."""
    return SealingKey.generate(await kms.unwrap(Wrapped.from_bytes(wrapped), _context(request_id, use)))


def _context(request_id: RequestId, use: KeyUse) -> bytes:
    return framed(CONTEXT, request_id.bytes, use.encode())
