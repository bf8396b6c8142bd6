"""What a signature covers, and how it is spelled."""

from base64 import b64decode, b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.signing import MAX_PATH, MAX_SIGNATURE, sign, sign_batch, signed_bytes, verify, verify_message
from contracts.topics import MAX_BATCH, Channel
from tests.contracts.builders import ACCESS_KEY, STRANGER_KEY
from tests.contracts.reference import tree_header, tree_signature

Fields = tuple[str, Channel, bytes, bytes]

fields = st.tuples(st.text(max_size=8), st.sampled_from(Channel), st.binary(max_size=8), st.binary(max_size=8))


@given(one=fields, other=fields)
def test_different_messages_are_never_signed_alike(one: Fields, other: Fields) -> None:
    assume(one != other)
    assert signed_bytes(*one) != signed_bytes(*other)


def test_bytes_cannot_move_between_the_fields() -> None:
    assert signed_bytes("t", Channel.ACCESS, b"ab", b"c") != signed_bytes("t", Channel.ACCESS, b"a", b"bc")


def test_the_signed_bytes_are_what_the_wire_says() -> None:
    expected = b"dsar-msg-v1" + b"\0\0\0\x04test" + b"\0\0\0\x0edsar.access.v1" + b"\0\0\0\x01k" + b"\0\0\0\x02{}"
    assert signed_bytes("test", Channel.ACCESS, b"k", b"{}") == expected


def test_a_signature_verifies_under_its_own_key_only() -> None:
    signature = sign(ACCESS_KEY, b"data")
    assert signature.startswith("ed25519:")
    assert verify(signature, ACCESS_KEY.public, b"data")
    assert not verify(signature, STRANGER_KEY.public, b"data")
    assert not verify(signature, ACCESS_KEY.public, b"date")


RAW = ACCESS_KEY.sign(b"data")
TEXT = b64encode(RAW).decode()


@pytest.mark.parametrize(
    "signature",
    [
        "",
        TEXT,
        "ed25519:",
        f"ED25519:{TEXT}",
        f"ed448:{TEXT}",
        f"ed25519: {TEXT}",
        f"ed25519:{TEXT}\n",
        f"ed25519:{TEXT[:-2]}",
        f"ed25519:{TEXT[:-3]}{chr(ord(TEXT[-3]) + 1)}==",
        f"ed25519:{b64encode(RAW[:63]).decode()}",
        f"ed25519:{b64encode(RAW + b'x').decode()}",
        "ed25519:\ufffd\ufffd",
    ],
)
def test_only_the_canonical_spelling_of_a_signature_counts(signature: str) -> None:
    assert not verify(signature, ACCESS_KEY.public, b"data")


def test_a_public_key_that_is_none_verifies_nothing() -> None:
    assert not verify(sign(ACCESS_KEY, b"data"), b"short", b"data")


PUBLIC = ACCESS_KEY.public
THREE = [b"first", b"second", b"third"]


@given(batch=st.lists(st.binary(max_size=8), min_size=2, max_size=20))
def test_a_batch_is_signed_as_the_wire_says(batch: list[bytes]) -> None:
    signatures = sign_batch(ACCESS_KEY, batch)
    assert signatures == [tree_signature(batch, n, ACCESS_KEY.sign) for n in range(len(batch))]
    assert all(verify_message(each, PUBLIC, data) for each, data in zip(signatures, batch, strict=True))


def test_what_stands_alone_is_signed_alone() -> None:
    assert sign_batch(ACCESS_KEY, []) == []
    assert sign_batch(ACCESS_KEY, [b"data"]) == [sign(ACCESS_KEY, b"data")]
    assert verify_message(sign(ACCESS_KEY, b"data"), PUBLIC, b"data")


def test_a_tree_is_no_larger_than_what_a_reader_takes_at_once() -> None:
    batch = [b"%d" % n for n in range(2 * MAX_BATCH + 1)]
    signatures = sign_batch(ACCESS_KEY, batch)
    assert len({b64decode(each.removeprefix("tree:"))[8:72] for each in signatures[:-1]}) == 2
    assert signatures[-1] == sign(ACCESS_KEY, batch[-1])
    assert all(verify_message(each, PUBLIC, data) for each, data in zip(signatures, batch, strict=True))


@given(batch=st.lists(st.binary(max_size=8), min_size=2, max_size=20, unique=True), data=st.data())
def test_a_signature_of_a_batch_is_good_for_its_own_message_and_key_only(
    batch: list[bytes], data: st.DataObject
) -> None:
    n, other = data.draw(st.integers(0, len(batch) - 1)), data.draw(st.integers(0, len(batch) - 1))
    signature = sign_batch(ACCESS_KEY, batch)[n]
    assert verify_message(signature, PUBLIC, batch[other]) is (n == other)
    assert not verify_message(signature, STRANGER_KEY.public, batch[n])
    assert not verify_message(signature, b"short", batch[n])


@given(data=st.data())
def test_no_changed_character_of_a_signature_of_a_batch_is_good(data: st.DataObject) -> None:
    good = sign_batch(ACCESS_KEY, THREE)[1]
    at, character = data.draw(st.integers(0, len(good) - 1)), data.draw(st.characters())
    bad = good[:at] + character + good[at + 1 :]
    assert verify_message(bad, PUBLIC, THREE[1]) is (bad == good)


@given(raw=st.binary(max_size=700), tail=st.text(max_size=3))
def test_rubbish_behind_the_tag_of_a_tree_is_a_bad_signature(raw: bytes, tail: str) -> None:
    assert not verify_message(f"tree:{b64encode(raw).decode()}{tail}", PUBLIC, b"data")


def test_a_place_in_a_tree_of_another_size_is_a_bad_signature() -> None:
    first = [b64decode(sign_batch(ACCESS_KEY, [*THREE, b"fourth"][:size])[0].removeprefix("tree:")) for size in (3, 4)]
    assert len(first[0]) == len(first[1])  # the same steps lead to the same place in both
    smaller = "tree:" + b64encode(first[0][:4] + first[1][4:]).decode()
    assert not verify_message(smaller, PUBLIC, THREE[0])


def test_one_of_a_batch_is_not_the_signature_of_what_is_always_signed_alone() -> None:
    assert not verify(sign_batch(ACCESS_KEY, THREE)[0], PUBLIC, THREE[0])


def test_the_longest_signature_is_as_long_as_it_says() -> None:
    longest = tree_header(2**MAX_PATH, 0, bytes(64), [bytes(32)] * MAX_PATH)
    assert len(longest) == MAX_SIGNATURE
