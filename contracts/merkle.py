"""Merkle trees as in RFC 6962, section 2.1: one root over many leaves, and for each leaf a path that proves it alone.

Leaves are given as their hashes. Leaf and node are hashed under different prefixes, so that neither can pass for the
other; a leaf without a partner goes up a level as it is.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees."""
    return sha256(b"\x01" + left + right).digest()


def levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return the tree level by level, the leaves first, the root last; raise `ValueError` without leaves.

    Made once, it gives the root and any number of paths.
    """
    if not leaves:
        raise ValueError("a tree without leaves has no levels")
    tree = [leaves]
    while len(below := tree[-1]) > 1:
        above = [node_hash(below[n], below[n + 1]) for n in range(0, len(below) - 1, 2)]
        tree.append([*above, below[-1]] if len(below) % 2 else above)
    return tree


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over *leaves*; of none, the hash of nothing."""
    return levels(leaves)[-1][0] if leaves else EMPTY_ROOT


def path(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Return what leads from leaf *index* to the root of *tree*, the leaf's own partner first."""
    if not 0 <= index < len(tree[0]):
        raise IndexError("no such leaf")
    partners = ((level, (index >> height) ^ 1) for height, level in enumerate(tree[:-1]))
    return [level[partner] for level, partner in partners if partner < len(level)]


def root_from(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that *path* leads to from leaf *index* of *size*; None if no such path can be.

    What it returns proves nothing until it is compared with a root that is trusted, together with *size*.
    """
    if not 0 <= index < size or any(len(each) != HASH_BYTES for each in (leaf, *path)):
        return None  # with other lengths, a leaf and its partner could be cut elsewhere and hash alike
    node, at, last, steps = leaf, index, size - 1, iter(path)
    while last:
        if at % 2 or at < last:  # else it is the one without a partner
            partner = next(steps, None)
            if partner is None:
                return None
            node = node_hash(partner, node) if at % 2 else node_hash(node, partner)
        at, last = at // 2, last // 2
    return node if next(steps, None) is None else None


def check(leaf: bytes, index: int, size: int, path: Sequence[bytes], trusted: bytes) -> bool:
    """Whether *leaf* is number *index* of the *size* leaves under the *trusted* root."""
    return root_from(leaf, index, size, path) == trusted
