"""The closed vocabulary of what names a person, and the one way to write each kind down."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email


class IdentifierKind(StrEnum):
    """A kind of identifier. Closed: a typo that were let through would skip a custodian without a word."""

    EMAIL = "email"
    PHONE = "phone"
    CUSTOMER_ID = "customer_id"
    DEVICE_ID = "device_id"


CONTACT_KINDS: Final = frozenset({IdentifierKind.EMAIL, IdentifierKind.PHONE})
"""Kinds that people share and hand on: one that a custodian found waits for a human before it is used."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One normalised (kind, value) pair. Make it with `identifier`, or from a value that went through it before."""

    kind: IdentifierKind
    value: str = field(repr=False)


class UnknownIdentifierKind(ValueError):
    """No such kind. The message names the nearest one; it never holds a value."""


class MalformedIdentifier(ValueError):
    """The value does not fit its kind. The message says what is expected, never what was given."""


def identifier(kind: str, value: str) -> Identifier:
    """Normalise *value* as a *kind*; raise `UnknownIdentifierKind` or `MalformedIdentifier`.

    Two spellings of the same identifier become equal: e-mail addresses fold to lower case as a whole (RFC 5321
    lets the local part differ by case; no provider in use does), phones become E.164.
    """
    known = identifier_kind(kind)
    return Identifier(known, _NORMALISERS[known](unicodedata.normalize("NFC", value).strip()))


def identifier_kind(text: str) -> IdentifierKind:
    """Return the kind named *text*; raise `UnknownIdentifierKind` with the nearest name."""
    try:
        return IdentifierKind(text)
    except ValueError:
        near = difflib.get_close_matches(text.lower(), list(IdentifierKind), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "known kinds: " + ", ".join(IdentifierKind)
        raise UnknownIdentifierKind(f"unknown identifier kind; {hint}") from None


def _email(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise MalformedIdentifier("not an e-mail address: expected name@domain") from None


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, None)  # no region: a number without its country code is ambiguous
    except phonenumbers.NumberParseException:
        raise MalformedIdentifier("not a phone number: expected + and the country code first") from None
    if not phonenumbers.is_possible_number(number):
        raise MalformedIdentifier("not a phone number: wrong length for its country")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise MalformedIdentifier("expected 1 to 128 letters, digits or . _ : - and a letter or digit first")
    return text


_NORMALISERS: Final[Mapping[IdentifierKind, Callable[[str], str]]] = MappingProxyType(
    {
        IdentifierKind.EMAIL: _email,
        IdentifierKind.PHONE: _phone,
        IdentifierKind.CUSTOMER_ID: _token,
        IdentifierKind.DEVICE_ID: _token,
    }
)
