"""Seals: opened by one key, for one party, or not at all."""

import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey, OKPKey

from contracts.sealing import MAX_SEALED_BYTES, PADDING_STEP, Unsealable, open_sealed, padded, seal
from tests.contracts.builders import CRM_SEAL, SHOP_SEAL
from tests.contracts.reference import seal_by_the_book

SECRET = b'{"value":"someone@example.org"}'


def sealed(plaintext: bytes = SECRET, *, kid: str = CRM_SEAL.kid, apv: str = "crm") -> str:
    return seal(plaintext, to=CRM_SEAL.public, kid=kid, apv=apv)


def with_protected(text: str, **changes: object) -> str:
    head, rest = text.split(".", 1)
    header = json.loads(urlsafe_b64decode(head + "=="))
    return b64url(json.dumps({**header, **changes}).encode()) + "." + rest


def b64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_seal_opens_to_what_was_sealed() -> None:
    assert json.loads(open_sealed(sealed(), key=CRM_SEAL, apv="crm")) == json.loads(SECRET)


def test_a_seal_written_by_the_book_opens() -> None:
    text = seal_by_the_book(SECRET, to=CRM_SEAL.public, apv="crm", ephemeral=SHOP_SEAL, nonce=b"n" * 12)
    assert open_sealed(text, key=CRM_SEAL, apv="crm") == padded(SECRET)


def test_sealing_twice_gives_different_text() -> None:
    assert sealed() != sealed()


@given(sizes=st.tuples(st.integers(1, PADDING_STEP), st.integers(1, PADDING_STEP)))
def test_lengths_within_a_step_look_alike(sizes: tuple[int, int]) -> None:
    one, other = (sealed(b"1" * size) for size in sizes)
    assert len(one) == len(other)


def test_padding_is_whitespace_up_to_the_step() -> None:
    assert [len(padded(b"1" * size)) for size in (0, 1, 255, 256, 257)] == [0, 256, 256, 256, 512]
    assert json.loads(padded(SECRET)) == json.loads(SECRET)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(Unsealable):
        open_sealed(sealed(), key=SHOP_SEAL, apv="crm")


def test_another_party_does_not_open_it_with_the_same_key() -> None:
    with pytest.raises(Unsealable):
        open_sealed(sealed(apv="shop"), key=CRM_SEAL, apv="crm")


def test_a_seal_under_another_kid_is_refused() -> None:
    with pytest.raises(Unsealable):
        open_sealed(sealed(kid=SHOP_SEAL.kid), key=CRM_SEAL, apv="crm")


@pytest.mark.parametrize("changes", [{"alg": "dir"}, {"alg": "ECDH-ES+A256KW"}, {"enc": "A128GCM"}, {"zip": "DEF"}])
def test_no_other_algorithm_is_accepted(changes: dict[str, object]) -> None:
    with pytest.raises(Unsealable):
        open_sealed(with_protected(sealed(), **changes), key=CRM_SEAL, apv="crm")


@pytest.mark.parametrize("alg", ["ECDH-ES+A256KW", "ECDH-ES"])
def test_a_genuine_seal_of_a_weaker_kind_is_refused(alg: str) -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "X25519", "x": b64url(CRM_SEAL.public)})
    header = {"alg": alg, "enc": "A128GCM", "kid": CRM_SEAL.kid, "apv": b64url(b"crm")}
    text = jwe.encrypt_compact(header, SECRET, key, algorithms=[alg, "A128GCM"])
    with pytest.raises(Unsealable):
        open_sealed(text, key=CRM_SEAL, apv="crm")


HOSTILE = [
    "",
    "....",
    "a.b.c.d.e",
    "a.b.c.d",
    "\u00e9.a.a.a.a",
    b64url(b"[]") + "....",
    b64url(b"7") + "....",
    b64url(b'"alg enc"') + "....",
    b64url(b"[" * 700) + "....",
    b64url(b"\xff\xfe") + "....",
    b64url(b'{"alg":"ECDH-ES","enc":"A256GCM"}') + "....",
    b64url(b'{"alg":7,"enc":[]}') + "....",
    b64url(b'{"alg":"ECDH-ES","enc":{},"epk":{}}') + "....",
    "x" * 200_000,
]


@pytest.mark.parametrize("n", range(len(HOSTILE)))
def test_hostile_text_is_unsealable_and_nothing_else(n: int) -> None:
    with pytest.raises(Unsealable):
        open_sealed(HOSTILE[n], key=CRM_SEAL, apv="crm")


def test_nesting_that_exhausts_the_stack_is_unsealable_and_nothing_else() -> None:
    def deep(frames: int) -> None:
        if frames:
            deep(frames - 1)
        else:
            open_sealed(b64url(b"[" * 700) + "....", key=CRM_SEAL, apv="crm")

    with pytest.raises(Unsealable):
        deep(sys.getrecursionlimit() // 2)


EPKS: list[object] = [
    None,
    7,
    "text",
    [],
    {},
    {"kty": "OKP"},
    {"kty": "OKP", "crv": "X25519"},
    {"kty": "OKP", "crv": "X25519", "x": 7},
    {"kty": "OKP", "crv": "X25519", "x": "AA"},
    {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
    {"kty": "OKP", "crv": "Ed25519", "x": b64url(CRM_SEAL.public)},
    {"kty": "OKP", "crv": "X448", "x": b64url(b"1" * 56)},
    {"kty": "OKP", "crv": "nope", "x": b64url(CRM_SEAL.public)},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "oct", "k": "AA"},
]


@pytest.mark.parametrize("n", range(len(EPKS)))
def test_a_hostile_ephemeral_key_is_unsealable_and_nothing_else(n: int) -> None:
    with pytest.raises(Unsealable):
        open_sealed(with_protected(sealed(), epk=EPKS[n]), key=CRM_SEAL, apv="crm")


@given(data=st.data())
def test_altered_text_never_opens_to_something_else(data: st.DataObject) -> None:
    text = sealed()
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    altered = text[:at] + other + text[at + 1 :]
    try:
        assert open_sealed(altered, key=CRM_SEAL, apv="crm") == padded(SECRET)
    except Unsealable:
        assert altered != text


def test_a_refusal_says_nothing_about_the_content() -> None:
    with pytest.raises(Unsealable) as refused:
        open_sealed(with_protected(sealed(), epk={"kty": "secret"}), key=CRM_SEAL, apv="crm")
    assert refused.value.__cause__ is None
    assert "secret" not in str(refused.value)


def test_the_limit_of_a_seal_can_be_sealed_and_opened() -> None:
    assert len(open_sealed(sealed(b"1" * MAX_SEALED_BYTES), key=CRM_SEAL, apv="crm")) == MAX_SEALED_BYTES
    with pytest.raises(ValueError, match="to seal"):
        sealed(b"1" * (MAX_SEALED_BYTES + 1))


def test_a_symmetric_seal_is_refused() -> None:
    header = {"alg": "dir", "enc": "A256GCM", "kid": CRM_SEAL.kid}
    text = jwe.encrypt_compact(header, SECRET, OctKey.import_key(CRM_SEAL.public), algorithms=["dir", "A256GCM"])
    with pytest.raises(Unsealable):
        open_sealed(text, key=CRM_SEAL, apv="crm")


def test_a_key_is_handed_to_the_library_once_and_never_becomes_text() -> None:
    assert open_sealed(sealed(), key=CRM_SEAL, apv="crm")
    assert CRM_SEAL.jwk is CRM_SEAL.jwk
    assert CRM_SEAL.jwk.dict_value == {"kty": "OKP", "crv": "X25519", "x": b64url(CRM_SEAL.public)}
    assert "jwk" not in repr(CRM_SEAL)
