"""Sealing JSON to one X25519 key, as a compact JWE (RFC 7516) with one algorithm and no choice.

The library draws the ephemeral key and the nonce: sealing twice gives different text.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from contracts.keys import SealingKey

PADDING_STEP: Final = 256
MAX_SEALED_BYTES: Final = 48 * 1024
"""What fits into one seal: the library opens at most 64 KiB of base64."""

_REGISTRY: Final = jwe.JWERegistry(algorithms=["ECDH-ES", "A256GCM"])
# what the library was seen to raise on hostile input, beyond its own error; RecursionError: JSON nested 700 deep
_HOSTILE: Final = (JoseError, ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError)


class Unsealable(ValueError):
    """The text is no seal that this key opens for this recipient. It says no more: details help only an attacker."""


def padded(plaintext: bytes) -> bytes:
    """Return JSON filled up with spaces to a step of 256 bytes: a length would tell which identifiers a person has."""
    return plaintext + b" " * (-len(plaintext) % PADDING_STEP)


def seal(plaintext: bytes, *, to: bytes, kid: str, apv: str) -> str:
    """Seal JSON to the raw public key *to*; raise `ValueError` if it is over `MAX_SEALED_BYTES` or *to* is no key.

    *apv* names the party that may open it: the custodian's id for a slice, the request's id for what is sealed
    to a request's keys. It goes into the key derivation.
    """
    text = padded(plaintext)
    if len(text) > MAX_SEALED_BYTES:
        raise ValueError(f"over {MAX_SEALED_BYTES} bytes to seal")
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": kid, "apv": _b64url(apv)}
    return jwe.encrypt_compact(header, text, _public(to), registry=_REGISTRY)


def open_sealed(text: str, *, key: SealingKey, apv: str) -> bytes:
    """Return the plaintext with its padding; raise `Unsealable` for anything but a seal to *key* and *apv*."""
    try:
        opened = jwe.decrypt_compact(text, key.jwk, registry=_REGISTRY)
    except _HOSTILE:
        raise Unsealable("not a seal to this key") from None
    header = opened.headers()
    if header.get("kid") != key.kid or header.get("apv") != _b64url(apv) or opened.plaintext is None:
        raise Unsealable("not a seal to this recipient")
    return opened.plaintext


def _b64url(text: str) -> str:
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@lru_cache(maxsize=1024)
def _public(raw: bytes) -> OKPKey:
    return OKPKey.import_key(X25519PublicKey.from_public_bytes(raw))
