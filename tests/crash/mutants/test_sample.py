"""Three planted bugs, drawn by the run's seed, against the tests that are named for them: every one must be caught."""

import pytest

from tests.crash.dice import Dice
from tests.crash.mutants import layers
from tests.crash.mutants.catalogue import BUGS
from tests.crash.mutants.proofs import TESTS
from tests.crash.mutants.scenarios import SCENARIOS

SAMPLE = 3
CHEAP = ("tests/custodians/", "tests/unit/")  # what needs no service


def test_every_bug_has_a_test_and_a_scenario() -> None:
    assert list(TESTS) == list(SCENARIOS) == list(BUGS)


def test_a_bug_is_not_caught_where_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = TESTS["timer_reissue"].rpartition("::")[0] + "::test_nothing_due_is_no_step"
    monkeypatch.setattr(layers, "TESTS", {"timer_reissue": harmless})
    assert not layers.tests("timer_reissue").caught


def test_a_sample_of_the_bugs_is_caught(pytestconfig: pytest.Config) -> None:
    seed = int(pytestconfig.getoption("randomly_seed"))
    cheap = [name for name, test in TESTS.items() if test.startswith(CHEAP)]
    tried = [layers.tests(name) for name in Dice(seed, "mutants").shuffled(cheap)[:SAMPLE]]
    assert [f"{each.mutant}: {each.by}" for each in tried if not each.caught] == []
