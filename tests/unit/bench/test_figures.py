"""The benchmark's arithmetic."""

import pytest

from tests.bench.figures import (
    BROKER,
    CLIENT,
    DATABASE,
    Span,
    counted,
    flatness,
    milliseconds_each,
    own_processes,
    own_shares,
    percentile,
    run_seconds,
    spent,
)

COSTS = {"api": 2.0, "engine": 3.0, BROKER: 10.0, DATABASE: 20.0, CLIENT: 100.0}


def test_a_run_lasts_from_the_first_post_to_the_last_close() -> None:
    assert run_seconds([Span(posted=2, closed=4), Span(posted=1, closed=3)]) == 3


def test_a_request_s_own_time_is_a_share_of_the_run() -> None:
    assert own_shares([Span(posted=0, closed=1), Span(posted=0, closed=4), Span(posted=2, closed=4)]) == [0.25, 1, 0.5]


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1, 100), (0, 1)])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile(range(100, 0, -1), share) == value


def test_of_one_value_every_percentile_is_that_value() -> None:
    assert {percentile([7.0], share) for share in (0, 0.5, 0.99, 1)} == {7.0}


def test_what_was_not_there_before_began_with_nothing() -> None:
    assert spent({"api": 1.0}, {"api": 1.5, "engine": 2.0}) == {"api": 0.5, "engine": 2.0}


def test_costs_are_milliseconds_of_one_request() -> None:
    assert milliseconds_each({"api": 1.5}, 500) == {"api": 3.0}


def test_everything_is_counted_but_the_benchmark_itself() -> None:
    assert counted(COSTS) == 35


def test_own_processes_are_neither_broker_nor_database() -> None:
    assert own_processes(COSTS) == 5


def test_flatness_is_the_last_against_the_first() -> None:
    assert flatness([1.0, 3.0, 50.0, 4.0, 6.0], window=2) == 2.5
