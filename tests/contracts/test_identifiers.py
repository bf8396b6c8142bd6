"""Identifiers: one way to write each down, and nothing said of one that does not fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.identifiers import (
    Identifier,
    IdentifierKind,
    MalformedIdentifier,
    UnknownIdentifierKind,
    identifier,
)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("email", " Some.One@Example.ORG ", "some.one@example.org"),
        ("email", "some.one@b\u00fccher.example", "some.one@b\u00fccher.example"),
        ("email", "someone@bu\u0308cher.example", "someone@b\u00fccher.example"),
        ("phone", "+44 20 7946 0123", "+442079460123"),
        ("phone", "+44 (0)20-7946-0123", "+442079460123"),
        ("customer_id", "C-7.a:b_9", "C-7.a:b_9"),
        ("device_id", "0f3a", "0f3a"),
    ],
)
def test_spellings_of_one_identifier_become_equal(kind: str, text: str, value: str) -> None:
    assert identifier(kind, text) == Identifier(IdentifierKind(kind), value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "jane"),
        ("email", "jane@"),
        ("email", "a@b@example.org"),
        ("email", ""),
        ("phone", "020 7946 0123"),
        ("phone", "+44"),
        ("phone", "jane"),
        ("phone", "+1"),
        ("customer_id", ""),
        ("customer_id", "a b"),
        ("customer_id", "-a"),
        ("customer_id", "a" * 129),
        ("device_id", "a\n"[:1] + "\u0000"),
    ],
)
def test_what_does_not_fit_its_kind_is_refused_without_being_shown(kind: str, text: str) -> None:
    with pytest.raises(MalformedIdentifier) as refused:
        identifier(kind, text)
    assert len(text) < 3 or text not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(("text", "near"), [("e-mail", "email"), ("EMAIL", "email"), ("customerid", "customer_id")])
def test_a_typo_of_a_kind_is_an_error_that_names_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UnknownIdentifierKind, match=f"did you mean {near}"):
        identifier(text, "x")


def test_a_kind_that_is_near_none_is_an_error_that_names_them_all() -> None:
    with pytest.raises(UnknownIdentifierKind, match="email, phone, customer_id, device_id"):
        identifier("zzz", "x")


@given(kind=st.sampled_from(IdentifierKind), text=st.text(max_size=40))
def test_writing_down_is_done_once(kind: IdentifierKind, text: str) -> None:
    try:
        once = identifier(kind, text)
    except MalformedIdentifier:
        return
    assert identifier(kind, once.value) == once


def test_an_identifier_does_not_show_its_value() -> None:
    assert "jane" not in repr(identifier("email", "jane@example.org"))
