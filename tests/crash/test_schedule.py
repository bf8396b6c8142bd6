"""The schedule: the same for the same seed, and all kinds are in it."""

from dataclasses import replace

from tests.crash.options import EVERY_KIND, Options
from tests.crash.schedule import schedule

OPTIONS = Options(seed=7, faults=60)


def test_the_same_seed_gives_the_same_schedule_to_the_millisecond() -> None:
    assert schedule(OPTIONS) == schedule(replace(OPTIONS, keep=True))


def test_another_seed_gives_another_schedule() -> None:
    assert schedule(OPTIONS) != schedule(replace(OPTIONS, seed=8))


def test_every_kind_comes_before_any_comes_often() -> None:
    assert {fault.kind for fault in schedule(replace(OPTIONS, faults=len(EVERY_KIND)))} == set(EVERY_KIND)


def test_nothing_is_broken_again_before_it_is_whole() -> None:
    whole_at: dict[str, float] = {}
    for fault in schedule(OPTIONS):
        assert fault.at >= whole_at.get(fault.target, 0.0)
        whole_at[fault.target] = fault.at + fault.length


def test_a_soak_spreads_its_faults_over_its_time() -> None:
    last = schedule(replace(OPTIONS, minutes=60, faults=1_000))[-1]
    assert 3_500 < last.at < 3_700
