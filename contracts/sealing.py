"""Sealing JSON to one X25519 key, as a compact JWE (RFC 7516) with one algorithm and no choice.

Ephemeral key and nonce are drawn for each seal: sealing twice gives different text. What we write ourselves is sealed
and opened here, at a third of the library's cost; whatever is written in another way is the library's to judge.
"""

import json
import os
from base64 import b64decode, urlsafe_b64encode
from hashlib import sha256
from struct import pack
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from contracts.keys import SealingKey

PADDING_STEP: Final = 256
MAX_SEALED_BYTES: Final = 48 * 1024
"""What fits into one seal: the library opens at most 64 KiB of base64."""

_MOST_TEXT: Final = 64 * 1024
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_FIRST_ROUND: Final = pack(">I", 1)
_ALGORITHM: Final = pack(">I", 7) + b"A256GCM"
_KEY_BITS: Final = pack(">I", 256)

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
    ephemeral = X25519PrivateKey.generate()
    header = _header(ephemeral.public_key().public_bytes_raw(), kid=kid, apv=apv)
    key = _derived(ephemeral.exchange(X25519PublicKey.from_public_bytes(to)), apv=apv.encode())
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, text, header.encode())
    # five parts; with a key agreed on directly there is no encrypted one
    return f"{header}..{_b64url(nonce)}.{_b64url(sealed[:-_TAG_BYTES])}.{_b64url(sealed[-_TAG_BYTES:])}"


def _header(ephemeral: bytes, *, kid: str, apv: str) -> str:
    public = {"kty": "OKP", "crv": "X25519", "x": _b64url(ephemeral)}
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": kid, "apv": _b64url(apv.encode()), "epk": public}
    return _b64url(json.dumps(header, separators=(",", ":")).encode())


def _derived(secret: bytes, *, apv: bytes) -> bytes:
    """Concat KDF with SHA-256, of one round (RFC 7518, section 4.6)."""
    no_party_u = pack(">I", 0)
    return sha256(_FIRST_ROUND + secret + _ALGORITHM + no_party_u + pack(">I", len(apv)) + apv + _KEY_BITS).digest()


def open_sealed(text: str, *, key: SealingKey, apv: str) -> bytes:
    """Return the plaintext with its padding; raise `Unsealable` for anything but a seal to *key* and *apv*."""
    plaintext = _opened_as_ours(text, key, apv)
    return _opened_by_library(text, key, apv) if plaintext is None else plaintext


def _opened_as_ours(text: str, key: SealingKey, apv: str) -> bytes | None:
    """Open a seal written exactly as `seal` writes it; None leaves every judgement of others to the library."""
    if len(text) > _MOST_TEXT:
        return None
    try:
        protected, encrypted_key, nonce, ciphertext, tag = text.split(".")
        header = json.loads(_raw(protected))
        ephemeral = _raw(header["epk"]["x"])
        if encrypted_key or protected != _header(ephemeral, kid=key.kid, apv=apv):
            return None
        secret = key.private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        cipher = AESGCM(_derived(secret, apv=apv.encode()))
        return cipher.decrypt(_raw(nonce), _raw(ciphertext) + _raw(tag), protected.encode())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidTag):
        return None


def _opened_by_library(text: str, key: SealingKey, apv: str) -> bytes:
    try:
        opened = jwe.decrypt_compact(text, OKPKey.import_key(key.private), registry=_REGISTRY)
    except _HOSTILE:
        raise Unsealable("not a seal to this key") from None
    header = opened.headers()
    if header.get("kid") != key.kid or header.get("apv") != _b64url(apv.encode()) or opened.plaintext is None:
        raise Unsealable("not a seal to this recipient")
    return opened.plaintext


def _b64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
