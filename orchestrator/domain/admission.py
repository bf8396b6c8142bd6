"""When an identifier that a custodian found may be used. The worst failure is to erase the wrong person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from contracts.identifiers import CONTACT_KINDS, IdentifierKind
from contracts.ids import CustodianId
from contracts.manifest import Link, Manifest


class Standing(StrEnum):
    """What a found identifier is worth."""

    ADMITTED = "admitted"
    PROPOSED = "proposed"  # waits for a person
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An identifier that an answer carried: opened once, to learn its kind and its keyed index; kept as it arrived."""

    kind: IdentifierKind
    blind: bytes  # keyed HMAC: equal for equal identifiers, worthless without the key
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The identifiers of one answer."""

    readable: tuple[Claim, ...] = ()
    unreadable: int = 0  # could not be opened, or are none


Found = Mapping[str, Claims]
"""The claims of answers, by the answer's digest; opened before any lock is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An identifier of a request, without its value."""

    n: int
    kind: IdentifierKind
    blind: bytes
    standing: Standing
    admitted_in: int  # the search round; 0 for what the person gave
    found_by: CustodianId | None = None
    sealed: str = field(repr=False, default="")


MOST_BY_ITSELF: Final = 3
"""New values of one kind from one answer that may be admitted without a person: more look like a shared account."""


def judge(
    claims: Sequence[Claim], *, manifest: Manifest, known: Sequence[Known], search_round: int
) -> tuple[Known, ...]:
    """Give each new claim its standing. What is known already, in whatever standing, is left out."""
    seen = {(each.kind, each.blind) for each in known}
    fresh = {(each.kind, each.blind): each for each in claims if (each.kind, each.blind) not in seen}
    counts = {kind: sum(1 for each in fresh if each[0] is kind) for kind, _ in fresh}
    return tuple(
        Known(
            n=len(known) + offset,
            kind=claim.kind,
            blind=claim.blind,
            standing=_standing(claim.kind, manifest, counts[claim.kind]),
            admitted_in=search_round,
            found_by=manifest.id,
            sealed=claim.sealed,
        )
        for offset, claim in enumerate(fresh.values(), start=1)
    )


def _standing(kind: IdentifierKind, manifest: Manifest, count: int) -> Standing:
    exact = {each.link for each in manifest.provides if each.kind is kind} == {Link.EXACT}
    return Standing.ADMITTED if exact and kind not in CONTACT_KINDS and count <= MOST_BY_ITSELF else Standing.PROPOSED


def decide(known: Known, *, admit: bool, search_round: int) -> Known:
    """The identifier after a person has looked at it."""
    return replace(known, standing=Standing.ADMITTED if admit else Standing.REJECTED, admitted_in=search_round)
