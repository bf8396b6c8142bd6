"""Signatures of the scheme `tree:` with something wrong in each, for the golden messages."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from struct import pack

from contracts.keys import SigningKey
from tests.contracts.reference import audit_path, mth, tree_header


def bad_signatures(
    batch: Sequence[bytes], *, signer: SigningKey, stranger: SigningKey
) -> Iterator[tuple[str, str, str]]:
    """Yield name, meaning and text of bad signatures of number 1 of the three in *batch*."""
    size, n, path = len(batch), 1, audit_path(1, batch)
    root = b"dsar-tree-v1" + pack(">I", size) + mth(batch)
    good = signer.sign(root)
    yield "path", "A step of the path is wrong.", tree_header(size, n, good, [path[0], path[0]])
    yield "neighbour", "Its neighbour's number and path.", tree_header(size, 0, good, audit_path(0, batch))
    yield "place", "Another's number with its own path.", tree_header(size, 0, good, path)
    yield "outside", "A number that the tree does not have.", tree_header(size, size, good, path)
    yield "grown", "Another size than was signed.", tree_header(size + 1, n, good, path)
    yield "stranger", "A root that another key signed.", tree_header(size, n, stranger.sign(root), path)
    yield "domain", "A root signed without its prefix.", tree_header(size, n, signer.sign(root[-32:]), path)
    yield "leaf", "Leaves hashed without their prefix.", _without_leaf_prefix(batch, signer)
    yield "short", "The path ends before the root.", tree_header(size, n, good, path[:1])
    yield "long", "A path of 17 steps, each in its place.", _long(batch[1], signer)
    yield "torn", "Half a step.", tree_header(size, n, good, [path[0], path[1][:16]])
    yield (
        "alone",
        "A tree of one: that is spelt `ed25519:`.",
        tree_header(1, 0, _signed(1, mth([batch[1]]), signer), []),
    )
    yield "empty", "A tree of nothing.", "tree:"
    yield "spelling", "Not quite base64.", tree_header(size, n, good, path) + "\n"


def _without_leaf_prefix(batch: Sequence[bytes], signer: SigningKey) -> str:
    first, second, third = (sha256(each).digest() for each in batch)
    root = _node(_node(first, second), third)
    return tree_header(3, 1, _signed(3, root, signer), [first, third])


def _long(data: bytes, signer: SigningKey) -> str:
    """All in order, but for the length that no honest batch has."""
    node, steps = mth([data]), [bytes([n]) * 32 for n in range(17)]
    for step in steps:
        node = _node(node, step)
    return tree_header(2**17, 0, _signed(2**17, node, signer), steps)


def _signed(size: int, root: bytes, signer: SigningKey) -> bytes:
    return signer.sign(b"dsar-tree-v1" + pack(">I", size) + root)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
