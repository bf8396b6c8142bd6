"""A tenth of `make crash`: every role and custodian a process of its own, killed and cut off, judged from outside."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.crash.options import Options
from tests.crash.run import Verdict, crashed
from tests.crash.table import told

pytestmark = [pytest.mark.xdist_group("crash"), pytest.mark.timeout(400)]

SAMPLE = Options(seed=20, requests=50, faults=24, minutes=0.7)


@pytest.fixture(scope="module")
async def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    folder: Path = tmp_path_factory.mktemp("crash")
    return await crashed(replace(SAMPLE, folder=folder))


async def test_nothing_is_lost_doubled_unlogged_or_stuck(verdict: Verdict) -> None:
    assert verdict.passed, told(verdict)


async def test_there_were_enough_faults_of_enough_kinds(verdict: Verdict) -> None:
    assert sum(verdict.done.values()) >= 20, told(verdict)
    assert len(verdict.done) >= 12, told(verdict)


async def test_every_process_stops_when_it_is_asked_to(verdict: Verdict) -> None:
    assert verdict.late == []
