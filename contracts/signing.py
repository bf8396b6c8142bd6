"""What is signed, and how a signature is written down."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.framing import framed
from contracts.keys import SigningKey
from contracts.topics import Channel

MESSAGE_DOMAIN: Final = b"dsar-msg-v1"
SCHEME: Final = "ed25519:"


def signed_bytes(environment: str, channel: Channel, key: bytes, value: bytes) -> bytes:
    """Return what a message's signature covers.

    The environment stops a replay from staging into production, the channel one from lane to lane, the key one
    into another request's order.
    """
    return MESSAGE_DOMAIN + framed(environment.encode(), channel.encode(), key, value)


def sign(signer: SigningKey, data: bytes) -> str:
    """Return the signature of *data* as a header carries it: the scheme's tag, then base64."""
    return SCHEME + b64encode(signer.sign(data)).decode()


def verify(signature: str, public: bytes, data: bytes) -> bool:
    """Whether *signature* is one of *public* over *data*. An unknown scheme is a bad signature; nothing raises.

    Only the one canonical spelling of a signature counts.
    """
    if not signature.startswith(SCHEME):
        return False
    try:
        raw = b64decode(signature.removeprefix(SCHEME), validate=True)
        _verifier(public).verify(raw, data)
    except (InvalidSignature, Base64Error, ValueError):
        return False
    return SCHEME + b64encode(raw).decode() == signature


@lru_cache(maxsize=1024)
def _verifier(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)
