"""A second hand at seal and tree, from the RFCs and not from our code: as a custodian in another language writes it."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
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


def mth(data: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash: RFC 6962, section 2.1, word by word."""
    if not data:
        return sha256().digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = _split(len(data))
    return sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def audit_path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """Return the audit path: RFC 6962, section 2.1.1, word by word."""
    if len(data) == 1:
        return []
    k = _split(len(data))
    if m < k:
        return [*audit_path(m, data[:k]), mth(data[k:])]
    return [*audit_path(m - k, data[k:]), mth(data[:k])]


def tree_signature(batch: Sequence[bytes], n: int, signs: Callable[[bytes], bytes]) -> str:
    """Return the `tree:` signature of number *n* of *batch*: what each of them alone would have signed."""
    root = b"dsar-tree-v1" + pack(">I", len(batch)) + mth(batch)
    return tree_header(len(batch), n, signs(root), audit_path(n, batch))


def tree_header(size: int, n: int, signature: bytes, path: Sequence[bytes]) -> str:
    """Spell a `tree:` signature, a wrong one too."""
    return "tree:" + b64encode(pack(">II", size, n) + signature + b"".join(path)).decode()


def _split(n: int) -> int:
    """Return the largest power of two smaller than *n*."""
    return 1 << (n - 1).bit_length() - 1


def _b64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
