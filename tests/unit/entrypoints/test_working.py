"""A role that works as work turns up: no rest for what waits, a short one while more may come together."""

import asyncio
from collections.abc import Sequence

import pytest

from contracts.bus.resting import LONGEST_REST_S
from orchestrator.entrypoints.working import Refuses, Work


class Turns:
    """Plays turns that find so much and take so long, by a clock of its own; then the role is stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, found: Sequence[int | Exception], took: float = 0.03) -> None:
        self.stopping, self.slept, self.idled, self.went = asyncio.Event(), list[float](), 0, list[bool]()
        self._found, self._took, self._now = list(found), took, 0.0
        monkeypatch.setattr(asyncio, "sleep", self._sleep)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self._now, raising=False)

    async def once(self) -> int:
        self._now += self._took
        found = self._found.pop(0)
        if not self._found:
            self.stopping.set()
        if isinstance(found, Exception):
            raise found
        return found

    async def idle(self) -> None:
        self.idled += 1

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))

    async def play(self, most: int = 10, *, drains: bool = False) -> None:
        work = Work(name="test", once=self.once, idle=self.idle, turned=self.went.append, most=most, drains=drains)
        await work.until(self.stopping)


async def test_after_a_turn_in_which_several_came_together_a_role_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(monkeypatch, [3, 2])
    await turns.play()
    assert (turns.slept, turns.idled) == ([0.03, 0.015], 0)


async def test_after_what_came_alone_a_role_looks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(monkeypatch, [1, 1, 0])
    await turns.play()
    assert (turns.slept, turns.idled) == ([], 1)


async def test_a_long_turn_is_not_followed_by_a_long_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(monkeypatch, [9], took=5.0)
    await turns.play()
    assert turns.slept == [LONGEST_REST_S]


async def test_after_a_full_turn_the_next_one_follows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(monkeypatch, [10, 11])
    await turns.play()
    assert (turns.slept, turns.idled) == ([], 0)


async def test_with_nothing_to_do_a_role_waits_until_it_is_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = Turns(monkeypatch, [0, 0])
    await turns.play()
    assert (turns.slept, turns.idled) == ([], 2)


async def test_who_has_found_all_that_there_was_waits_for_more_without_another_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = Turns(monkeypatch, [10, 3, 1, 0])
    await turns.play(drains=True)
    assert (turns.slept, turns.idled) == ([0.03], 3)


async def test_what_fails_is_tried_again_later_each_time_and_what_refuses_ends_the_role(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = Turns(monkeypatch, [OSError(), OSError(), 0, OSError(), Refuses("over")])
    with pytest.raises(Refuses):
        await turns.play()
    assert turns.slept == [0.2, 0.4, 0.2]
    assert turns.went == [False, False, True, False]
