"""How a request ends by its lines, what is a gap, and how a line grows over rounds."""

from dataclasses import replace
from datetime import date

import pytest

from contracts.answer import ClassAnswer
from contracts.command import Operation
from contracts.results import (
    Absent,
    Anonymised,
    ClassResult,
    Erased,
    Found,
    Ground,
    NotFound,
    Residual,
    Restricted,
    Result,
    Retained,
    Unaddressable,
    Unsupported,
    Waived,
)
from orchestrator.domain.outcome import gaps, outcome_of
from orchestrator.domain.plan import Line, erased, freeze, held, previewed, waived
from orchestrator.domain.request import Kind, Outcome
from tests.unit.domain.builders import CUSTOMER, PROFILE, a_line, a_manifest
from tests.unit.domain.play import erased as gone

KEPT = Retained(count=2, ground=Ground.LEGAL_CLAIMS, until=date(2030, 1, 1))
NOBODY = Unaddressable(kinds=(CUSTOMER,))
MASKED = Anonymised(count=4, method="aggregation")


def answer(*results: ClassResult) -> ClassAnswer:
    return ClassAnswer(data_class=PROFILE, results=results)


SETTLED: list[Result] = [
    Found(count=1), NotFound(), gone(1), MASKED, Restricted(count=1), KEPT, NOBODY, Absent(),
]  # fmt: skip
GAPS: list[Result] = [Unsupported(), Waived(), Residual(count=1)]


@pytest.mark.parametrize("result", SETTLED, ids=lambda each: each.kind)
def test_a_settled_line_is_no_gap(result: Result) -> None:
    assert gaps([a_line(result)]) == ()


@pytest.mark.parametrize("result", GAPS, ids=lambda each: each.kind)
def test_one_gap_makes_the_outcome_partial_whatever_the_rest_says(result: Result) -> None:
    for kind in Kind:
        assert outcome_of(kind, [a_line(gone(1)), a_line(result)]) is Outcome.PARTIAL


def test_a_line_that_is_owed_is_a_gap() -> None:
    assert gaps([a_line()]) == (a_line(),)


@pytest.mark.parametrize(("level", "is_gap"), [(1, False), (2, False), (3, True)])
def test_an_erasure_below_the_level_asked_for_is_a_gap(level: int, is_gap: bool) -> None:
    assert bool(gaps([a_line(gone(1, level=2), level=level)])) is is_gap


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([gone(1), NotFound()], Outcome.ERASED),
        ([MASKED], Outcome.ERASED),
        ([gone(1), KEPT], Outcome.RETAINED_IN_PART),
        ([gone(1), Restricted(count=1)], Outcome.RETAINED_IN_PART),
        ([NotFound(), NOBODY], Outcome.NO_DATA),
    ],
)
def test_an_erasure_without_gaps_ends_by_what_was_done(said: list[Result], expected: Outcome) -> None:
    assert outcome_of(Kind.ERASURE, [a_line(each) for each in said]) is expected


def test_what_was_shown_to_be_held_and_is_gone_when_it_is_erased_was_data_all_the_same() -> None:
    line = replace(a_line(NotFound()), previewed=(Found(count=3),))
    assert outcome_of(Kind.ERASURE, [line, a_line(NOBODY)]) is Outcome.ERASED


def test_an_access_without_gaps_is_fulfilled_unless_it_was_released_in_part() -> None:
    lines = [a_line(Found(count=1)), a_line(NOBODY)]
    assert outcome_of(Kind.ACCESS, lines) is Outcome.FULFILLED
    assert outcome_of(Kind.ACCESS, lines, partial=True) is Outcome.PARTIAL


@pytest.mark.parametrize(
    ("before", "said", "after"),
    [
        ([], [gone(5), KEPT], [gone(5), KEPT]),
        ([gone(5)], [gone(2)], [gone(7)]),
        ([gone(5)], [NotFound()], [gone(5)]),
        ([gone(5), KEPT], [KEPT], [gone(5), KEPT]),
        ([gone(5)], [gone(2), gone(1, level=3)], [gone(7), gone(1, level=3)]),
        ([MASKED], [NotFound()], [MASKED]),
        ([MASKED], [MASKED], [Anonymised(count=8, method="aggregation")]),
        ([gone(5)], [MASKED], [gone(5), MASKED]),
        ([gone(0)], [NotFound()], [NotFound()]),
        ([gone(5), Waived()], [gone(1)], [gone(6)]),
    ],
)
def test_counts_add_up_over_erase_rounds(before: list[Result], said: list[ClassResult], after: list[Result]) -> None:
    assert list(erased(a_line(*before), answer(*said)).said) == after


def test_a_preview_that_finds_something_leaves_the_line_owing_an_erasure() -> None:
    line = previewed(a_line(), answer(Found(count=3)))
    assert (line.said, held(line)) == ((), True)


@pytest.mark.parametrize("result", [NotFound(), Unsupported()])
def test_a_preview_that_finds_nothing_ends_the_line(result: NotFound | Unsupported) -> None:
    line = previewed(a_line(), answer(result))
    assert (line.said, held(line)) == ((result,), False)


@pytest.mark.parametrize("result", [KEPT, Restricted(count=1)])
def test_what_would_be_kept_is_held_too(result: Retained | Restricted) -> None:
    assert held(previewed(a_line(), answer(result)))


@pytest.mark.parametrize("done", [gone(5), MASKED])
def test_what_was_erased_before_stays_said_when_it_is_previewed_again(done: Erased | Anonymised) -> None:
    assert previewed(a_line(done), answer(NotFound())).said == (done,)


@pytest.mark.parametrize("said", [(), (gone(5),)])
def test_a_waived_line_is_always_a_gap_and_keeps_what_was_said(said: tuple[Result, ...]) -> None:
    line = waived(a_line(*said))
    assert line.said == (*said, Waived())
    assert gaps([line]) == (line,)


def test_the_plan_has_every_class_of_every_custodian_in_a_fixed_order() -> None:
    shop, crm = a_manifest("shop", classes=("orders", "carts")), a_manifest("crm")
    lines = freeze(Kind.ACCESS, [shop, crm])
    assert [(line.custodian, line.data_class) for line in lines] == [
        ("crm", "profile"),
        ("shop", "orders"),
        ("shop", "carts"),
    ]
    assert lines == freeze(Kind.ACCESS, [crm, shop])
    assert {line.manifest_hash for line in lines} == {shop.hash, crm.hash}


def test_who_cannot_both_preview_and_erase_is_a_gap_of_an_erasure_from_the_start() -> None:
    def frozen(*operations: Operation) -> Line:
        return freeze(Kind.ERASURE, [a_manifest(operations=operations)])[0]

    assert frozen(Operation.PREVIEW, Operation.ERASE).said == ()
    assert frozen(Operation.PREVIEW).said == frozen(Operation.ERASE).said == (Unsupported(),)
