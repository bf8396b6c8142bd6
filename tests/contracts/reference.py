"""A second hand at the seal, from the RFCs and not from our code: as a custodian in another language would write it."""

import json
from base64 import urlsafe_b64encode
from struct import pack

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from contracts.keys import SealingKey, kid_of


def seal_by_the_book(plaintext: bytes, *, to: bytes, apv: str, ephemeral: SealingKey, nonce: bytes) -> str:
    """Seal with ECDH-ES and A256GCM (RFC 7518, sections 4.6 and 5.3; RFC 8037), nothing left to chance."""
    epk = {"kty": "OKP", "crv": "X25519", "x": _b64url(ephemeral.public)}
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": kid_of(to), "apv": _b64url(apv.encode()), "epk": epk}
    protected = _b64url(json.dumps(header, separators=(",", ":")).encode())
    shared = ephemeral.private.exchange(X25519PublicKey.from_public_bytes(to))
    party = pack(">I", 7) + b"A256GCM" + pack(">I", 0) + pack(">I", len(apv)) + apv.encode() + pack(">I", 256)
    key = ConcatKDFHash(algorithm=SHA256(), length=32, otherinfo=party).derive(shared)
    text = plaintext + b" " * (-len(plaintext) % 256)
    sealed = AESGCM(key).encrypt(nonce, text, protected.encode())
    return ".".join([protected, "", _b64url(nonce), _b64url(sealed[:-16]), _b64url(sealed[-16:])])


def _b64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
