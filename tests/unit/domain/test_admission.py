"""Which found identifiers are used by themselves, and which wait for a person."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from contracts.identifiers import IdentifierKind
from contracts.manifest import Link, Provides
from orchestrator.domain.admission import Claim, Known, Standing, decide, judge
from tests.unit.domain.builders import CRM, CUSTOMER, DEVICE, EMAIL, PHONE, a_claim, a_manifest, given

GIVES_ALL = a_manifest(provides=dict.fromkeys(IdentifierKind, Link.EXACT))


def standings(claims: Sequence[Claim], known: Sequence[Known] = ()) -> list[Standing]:
    return [each.standing for each in judge(claims, manifest=GIVES_ALL, known=known, search_round=2)]


def test_an_identifier_of_an_exactly_linked_kind_is_admitted_by_itself() -> None:
    (found,) = judge([a_claim(CUSTOMER)], manifest=GIVES_ALL, known=[given()], search_round=2)
    assert (found.standing, found.admitted_in, found.found_by, found.n) == (Standing.ADMITTED, 2, CRM, 2)
    assert found.sealed == a_claim(CUSTOMER).sealed


def test_an_identifier_of_a_shared_kind_waits_for_a_person() -> None:
    household = a_manifest(provides={DEVICE: Link.SHARED})
    (found,) = judge([a_claim(DEVICE)], manifest=household, known=[], search_round=1)
    assert found.standing is Standing.PROPOSED


def test_a_kind_declared_both_exact_and_shared_counts_as_shared() -> None:
    both = a_manifest().model_copy(
        update={"provides": (Provides(kind=DEVICE, link=Link.EXACT), Provides(kind=DEVICE, link=Link.SHARED))}
    )
    (found,) = judge([a_claim(DEVICE)], manifest=both, known=[], search_round=1)
    assert found.standing is Standing.PROPOSED


def test_an_identifier_of_a_kind_that_the_manifest_does_not_provide_waits_for_a_person() -> None:
    (found,) = judge([a_claim(DEVICE)], manifest=a_manifest(provides={CUSTOMER: Link.EXACT}), known=[], search_round=1)
    assert found.standing is Standing.PROPOSED


@pytest.mark.parametrize("kind", [EMAIL, PHONE])
def test_contact_kinds_wait_for_a_person_however_exactly_they_are_linked(kind: IdentifierKind) -> None:
    assert standings([a_claim(kind)]) == [Standing.PROPOSED]


def test_three_new_values_of_a_kind_are_admitted_and_a_fourth_makes_all_of_them_wait() -> None:
    four = [a_claim(CUSTOMER, str(n)) for n in range(4)]
    assert standings(four[:3]) == [Standing.ADMITTED] * 3
    assert standings(four) == [Standing.PROPOSED] * 4


def test_many_values_of_one_kind_do_not_hold_up_another_kind() -> None:
    claims = [*(a_claim(CUSTOMER, str(n)) for n in range(4)), a_claim(DEVICE)]
    assert standings(claims) == [Standing.PROPOSED] * 4 + [Standing.ADMITTED]


def test_the_same_value_said_twice_in_one_answer_is_one_identifier() -> None:
    assert standings([a_claim(CUSTOMER)] * 5) == [Standing.ADMITTED]


@pytest.mark.parametrize("standing", Standing)
def test_what_is_known_already_is_left_as_it_stands(standing: Standing) -> None:
    known = replace(given(CUSTOMER, "c-1"), standing=standing)
    assert judge([a_claim(CUSTOMER, "c-1")], manifest=GIVES_ALL, known=[known], search_round=1) == ()


def test_the_same_value_as_another_kind_is_another_identifier() -> None:
    assert len(judge([a_claim(DEVICE, "x")], manifest=GIVES_ALL, known=[given(CUSTOMER, "x")], search_round=1)) == 1


def test_a_person_admits_into_the_round_of_the_decision_or_rejects_for_good() -> None:
    proposed = replace(given(DEVICE), standing=Standing.PROPOSED, admitted_in=1)
    admitted = decide(proposed, admit=True, search_round=2)
    assert (admitted.standing, admitted.admitted_in) == (Standing.ADMITTED, 2)
    assert decide(proposed, admit=False, search_round=2).standing is Standing.REJECTED


def test_neither_claim_nor_identifier_shows_what_is_sealed() -> None:
    (found,) = judge([a_claim()], manifest=GIVES_ALL, known=[], search_round=1)
    assert "sealed c-1" not in repr(a_claim()) + repr(found)
