from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.identifiers import Identifier, IdentifierKind, MalformedIdentifier, identifier
from contracts.ids import RequestId
from contracts.keys import SealingKey
from contracts.sealing import Unsealable, seal
from orchestrator.vault.identifiers import blind, open_identifier, seal_identifier

REQUEST = RequestId(UUID(int=1))
OTHER_REQUEST = RequestId(UUID(int=2))
KEY = SealingKey.generate(b"l" * 32)
TOKENS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")
IDENTIFIERS = st.one_of(
    st.emails().map(lambda text: ("email", text)),
    TOKENS.map(lambda text: ("customer_id", text)),
    TOKENS.map(lambda text: ("device_id", text)),
)


def normalised(kind: str, value: str) -> Identifier | None:
    try:
        return identifier(kind, value)
    except MalformedIdentifier:
        return None


@given(pair=IDENTIFIERS)
def test_what_is_sealed_opens_to_the_same(pair: tuple[str, str]) -> None:
    known = normalised(*pair)
    if known is not None:
        assert open_identifier(seal_identifier(known, KEY.public, REQUEST), KEY, REQUEST) == known


def test_a_seal_opens_for_no_other_request() -> None:
    sealed = seal_identifier(identifier("customer_id", "C-1"), KEY.public, REQUEST)
    with pytest.raises(Unsealable):
        open_identifier(sealed, KEY, OTHER_REQUEST)


def test_a_seal_opens_with_no_other_key() -> None:
    sealed = seal_identifier(identifier("customer_id", "C-1"), KEY.public, REQUEST)
    with pytest.raises(Unsealable):
        open_identifier(sealed, SealingKey.generate(b"m" * 32), REQUEST)


def test_the_length_of_a_seal_does_not_tell_the_value() -> None:
    lengths = {
        len(seal_identifier(identifier("customer_id", "C" * size), KEY.public, REQUEST)) for size in (1, 20, 128)
    }
    assert len(lengths) == 1


def sealed_text(text: bytes) -> str:
    return seal(text, to=KEY.public, kid=KEY.kid, apv=str(REQUEST))


@pytest.mark.parametrize("text", [b"[]", b"nothing", b'{"kind":"shoe_size","value":"43"}', b'{"kind":"email"}'])
def test_a_genuine_seal_over_something_else_is_refused(text: bytes) -> None:
    with pytest.raises(Unsealable):
        open_identifier(sealed_text(text), KEY, REQUEST)


def test_a_found_value_that_does_not_fit_its_kind_is_refused() -> None:
    with pytest.raises(MalformedIdentifier):
        open_identifier(sealed_text(b'{"kind":"email","value":"not an address"}'), KEY, REQUEST)


def test_a_found_value_is_normalised() -> None:
    opened = open_identifier(sealed_text(b'{"kind":"email","value":" Ada@Example.ORG "}'), KEY, REQUEST)
    assert opened == Identifier(IdentifierKind.EMAIL, "ada@example.org")


def test_the_blind_of_an_identifier_follows_from_key_kind_and_value_and_nothing_else() -> None:
    known = identifier("customer_id", "C-1")
    assert blind(b"k" * 32, known) == blind(b"k" * 32, identifier("customer_id", " C-1 "))
    assert blind(b"k" * 32, known) != blind(b"l" * 32, known)
    assert blind(b"k" * 32, known) != blind(b"k" * 32, identifier("device_id", "C-1"))


def test_the_blind_is_the_same_in_every_release() -> None:
    # stored for as long as a request lives: another value would find nobody again
    expected = "c20227b0dceaffa5d7987f5f718fc773082749388f84e7fd5918a8fb7e01d149"
    assert blind(b"k" * 32, identifier("customer_id", "C-1")).hex() == expected
