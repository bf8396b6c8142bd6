"""Resting after work: never after what came alone, longer the more came together."""

import pytest

from contracts.bus.resting import LONGEST_REST_S, rest_s


@pytest.mark.parametrize("took_s", [0.001, 0.03, 5.0])
@pytest.mark.parametrize("found", [0, 1])
def test_what_came_alone_is_followed_at_once(took_s: float, found: int) -> None:
    assert rest_s(took_s, found=found, most=500) == 0.0


def test_the_more_came_together_the_longer_is_the_rest() -> None:
    rests = [rest_s(0.01, found=found, most=500) for found in (1, 2, 3, 9)]
    assert rests == pytest.approx([0.0, 0.005, 0.01, 0.04])


def test_a_long_turn_is_not_followed_by_a_long_rest() -> None:
    assert rest_s(5.0, found=2, most=500) == LONGEST_REST_S


@pytest.mark.parametrize("found", [500, 501])
def test_a_full_turn_is_followed_by_the_next_at_once(found: int) -> None:
    assert rest_s(0.03, found=found, most=500) == 0.0
