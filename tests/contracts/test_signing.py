"""What a signature covers, and how it is spelled."""

from base64 import b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts.signing import sign, signed_bytes, verify
from contracts.topics import Channel
from tests.contracts.builders import ACCESS_KEY, STRANGER_KEY

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
