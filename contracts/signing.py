"""What is signed, and how a signature is written down: alone, or as one of a batch under the root of a Merkle tree."""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts import merkle
from contracts.framing import framed
from contracts.keys import SigningKey
from contracts.topics import MAX_BATCH, Channel

MESSAGE_DOMAIN: Final = b"dsar-msg-v1"
TREE_DOMAIN: Final = b"dsar-tree-v1"
SCHEME: Final = "ed25519:"
TREE_SCHEME: Final = "tree:"

MAX_PATH: Final = 16
"""How long the path of a message may be."""

_HEAD: Final = Struct(">II64s")  # leaves, number of this one, signature; then the path
_SIZE: Final = Struct(">I")

MAX_SIGNATURE: Final = len(TREE_SCHEME) + 4 * -(-(_HEAD.size + MAX_PATH * merkle.HASH_BYTES) // 3)
"""How many characters a signature may have, of either scheme."""

_ROOTS_REMEMBERED: Final = 1024


def signed_bytes(environment: str, channel: Channel, key: bytes, value: bytes) -> bytes:
    """Return what a message's signature covers, and what its leaf holds.

    The environment stops a replay from staging into production, the channel one from lane to lane, the key one
    into another request's order.
    """
    return MESSAGE_DOMAIN + framed(environment.encode(), channel.encode(), key, value)


def sign(signer: SigningKey, data: bytes) -> str:
    """Return the signature of *data* as a header carries it: the scheme's tag, then base64."""
    return SCHEME + b64encode(signer.sign(data)).decode()


def sign_batch(signer: SigningKey, batch: Sequence[bytes]) -> list[str]:
    """Return a signature for each of *batch*, at the price of one; each verifies without the others.

    What stands alone is signed alone. A tree is never larger than what a reader takes at once.
    """
    chunks = (batch[at : at + MAX_BATCH] for at in range(0, len(batch), MAX_BATCH))
    return [each for chunk in chunks for each in _sign_together(signer, chunk)]


def verify(signature: str, public: bytes, data: bytes) -> bool:
    """Whether *signature* is one of *public* over *data* alone. An unknown scheme is a bad signature; nothing raises.

    Only the one canonical spelling of a signature counts.
    """
    raw = _decoded(signature, SCHEME)
    return raw is not None and _is_signed(public, raw, data)


def verify_message(signature: str, public: bytes, data: bytes) -> bool:
    """Whether *signature* is one of *public* over *data*, alone or as a leaf. As strict as `verify`."""
    if not signature.startswith(TREE_SCHEME):
        return verify(signature, public, data)
    leaf = _leaf(signature)
    if leaf is None:
        return False
    root = merkle.root_from(merkle.leaf_hash(data), leaf.index, leaf.size, leaf.path)
    return root is not None and _is_root_signed(public, leaf.signature, _root_bytes(leaf.size, root))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    size: int
    index: int
    signature: bytes
    path: tuple[bytes, ...]


def _sign_together(signer: SigningKey, batch: Sequence[bytes]) -> list[str]:
    if len(batch) == 1:
        return [sign(signer, batch[0])]
    tree, size = merkle.levels([merkle.leaf_hash(data) for data in batch]), len(batch)
    signature = signer.sign(_root_bytes(size, tree[-1][0]))
    raw = (b"".join([_HEAD.pack(size, n, signature), *merkle.path(tree, n)]) for n in range(size))
    return [TREE_SCHEME + b64encode(each).decode() for each in raw]


def _root_bytes(size: int, root: bytes) -> bytes:
    """Return what is signed of a tree. The size is in it, or one place could be spelt in several ways."""
    return TREE_DOMAIN + _SIZE.pack(size) + root


def _leaf(text: str) -> _Leaf | None:
    raw = _decoded(text, TREE_SCHEME)
    if raw is None or len(raw) < _HEAD.size:
        return None
    size, index, signature = _HEAD.unpack_from(raw)
    if size == 1:  # has a spelling of its own
        return None
    steps = raw[_HEAD.size :]
    path = tuple(steps[at : at + merkle.HASH_BYTES] for at in range(0, len(steps), merkle.HASH_BYTES))
    return _Leaf(size=size, index=index, signature=signature, path=path)


def _decoded(signature: str, scheme: str) -> bytes | None:
    """Return the bytes behind the tag, or None unless this is how they are spelt."""
    if not signature.startswith(scheme) or len(signature) > MAX_SIGNATURE:
        return None
    try:
        raw = b64decode(signature.removeprefix(scheme), validate=True)
    except ValueError:
        return None
    return raw if scheme + b64encode(raw).decode() == signature else None


@lru_cache(maxsize=_ROOTS_REMEMBERED)
def _is_root_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Look at a root once: all messages of a batch name the same one. Whether the key still counts is not asked here.

    Remembered is only what was computed from exactly these three, so what is remembered cannot be wrong.
    """
    return _is_signed(public, signature, data)


def _is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    try:
        _verifier(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=1024)
def _verifier(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)
