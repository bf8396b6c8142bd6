"""The tree of RFC 6962: the roots that every log agrees on, and paths that prove one place and no other."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import merkle
from tests.contracts.reference import audit_path, mth

LEAVES = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")] + [
    bytes.fromhex("606162636465666768696a6b6c6d6e6f")
]
ROOTS = [  # the test vectors of Certificate Transparency, for the first 0 to 8 of these leaves
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {  # place and size
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

batches = st.lists(st.binary(max_size=4), min_size=1, max_size=40)
distinct = st.lists(st.binary(max_size=4), min_size=2, max_size=40, unique=True)


def hashes(data: list[bytes]) -> list[bytes]:
    return [merkle.leaf_hash(each) for each in data]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert merkle.root(hashes(LEAVES[:size])).hex() == ROOTS[size]


@pytest.mark.parametrize(("place", "path"), list(PATHS.items()), ids=str)
def test_the_paths_are_those_of_certificate_transparency(place: tuple[int, int], path: list[str]) -> None:
    index, size = place
    leaves = hashes(LEAVES[:size])
    found = merkle.path(merkle.levels(leaves), index)
    assert [each.hex() for each in found] == path
    assert merkle.check(leaves[index], index, size, found, bytes.fromhex(ROOTS[size]))


@given(data=batches)
def test_roots_and_paths_are_those_of_the_recursive_definition(data: list[bytes]) -> None:
    tree = merkle.levels(hashes(data))
    assert merkle.root(hashes(data)) == tree[-1][0] == mth(data)
    assert [merkle.path(tree, n) for n in range(len(data))] == [audit_path(n, data) for n in range(len(data))]


@given(data=distinct, drawn=st.data())
def test_a_path_proves_its_own_leaf_in_its_own_place_only(data: list[bytes], drawn: st.DataObject) -> None:
    tree, size = merkle.levels(hashes(data)), len(data)
    n, index = (drawn.draw(st.integers(0, most)) for most in (size - 1, size + 1))
    root, path = tree[-1][0], merkle.path(tree, n)
    assert merkle.check(tree[0][n], n, size, path, root)
    assert merkle.check(tree[0][n], index, size, path, root) is (index == n)
    assert merkle.check(merkle.leaf_hash(b"no leaf of it"), n, size, path, root) is False


@given(data=distinct, drawn=st.data())
def test_a_path_with_a_step_changed_missing_added_or_torn_proves_nothing(
    data: list[bytes], drawn: st.DataObject
) -> None:
    tree, size = merkle.levels(hashes(data)), len(data)
    n = drawn.draw(st.integers(0, size - 1))
    path, root = merkle.path(tree, n), tree[-1][0]
    step = drawn.draw(st.integers(0, len(path) - 1))
    before, after = path[:step], path[step + 1 :]
    for spoilt in ([*before, bytes(32), *after], [*before, *after], [*path, path[step]], [*before, b"x", *after]):
        assert not merkle.check(tree[0][n], n, size, spoilt, root)


def test_neither_a_node_nor_an_empty_leaf_passes_for_a_leaf() -> None:
    first, second = hashes([b"a", b"b"])
    root = merkle.root([first, second])
    assert merkle.leaf_hash(first + second) != root
    assert not merkle.check(b"", 0, 2, [first + second], root)
    assert not merkle.check(first + second, 0, 2, [b""], root)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 2), (2, 2), (0, -1)])
def test_a_place_that_a_tree_does_not_have_proves_nothing(index: int, size: int) -> None:
    assert merkle.root_from(bytes(32), index, size, [bytes(32)]) is None


def test_a_tree_without_leaves_has_a_root_and_no_paths() -> None:
    assert merkle.root([]) == sha256(b"").digest()
    with pytest.raises(ValueError, match="without leaves"):
        merkle.levels([])
    with pytest.raises(IndexError):
        merkle.path(merkle.levels([bytes(32)]), 1)
