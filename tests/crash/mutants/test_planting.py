"""Every planted bug has its target, is called as the target is, and is really in its place."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from orchestrator.flow import answers
from orchestrator.store import inbox
from tests.crash.launch import TARGET_GONE
from tests.crash.mutants.catalogue import MUTANTS
from tests.crash.mutants.failpoints import FAILPOINTS
from tests.crash.mutants.planting import Bug, TargetGone, find, plant
from tests.crash.mutants.rows import NoInbox

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_replaces_its_target_and_can_be_removed(name: str) -> None:
    was = find(MUTANTS[name].target).function
    planted = plant(MUTANTS[name])
    try:
        assert find(MUTANTS[name].target).function is planted.now is not was
    finally:
        planted.remove()
    assert find(MUTANTS[name].target).function is was


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_failpoint_has_its_place(name: str) -> None:
    find(FAILPOINTS[name].target)


def test_a_target_that_was_imported_by_name_is_replaced_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "file", inbox.file, raising=False)
    planted = plant(NoInbox)
    try:
        assert vars(answers)["file"] is inbox.file is planted.now
    finally:
        planted.remove()


class _Wandered(Bug):
    name = "wandered"
    target: ClassVar[str] = "orchestrator.store.inbox:file_away"

    def planted(self, tx: object) -> None: ...


@pytest.mark.parametrize(
    "target",
    [
        "orchestrator.store.nowhere:file",
        "orchestrator.store.inbox:file_away",
        "orchestrator.store.inbox:FILE",
        "orchestrator.store.inbox:file",  # is there, and called in another way
        "custodians.runner.work:Work.erase",
    ],
)
def test_a_target_that_is_gone_is_an_error(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Wandered, "target", target)
    with pytest.raises(TargetGone):
        plant(_Wandered)


def _launched(*arguments: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "tests.crash.launch", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_run_whose_target_is_gone_fails() -> None:
    code = (
        "from tests.crash.launch import main; from tests.crash.mutants.rows import NoInbox;"
        "NoInbox.target += 'd'; raise SystemExit(main(['--mutant', 'no_inbox', '--', 'json.tool']))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.returncode == TARGET_GONE
    assert b"orchestrator.store.inbox:filed is gone" in ended.stderr


def test_a_program_runs_as_it_is_with_all_mutants_planted_first() -> None:
    planted = [word for name in MUTANTS for word in ("--mutant", name)]
    ended = _launched(*planted, "--", "orchestrator.entrypoints.run", "nobody")
    assert ended.stderr.splitlines()[-1] == "dsar run: 'nobody' is not a valid Role"
    assert [line for line in ended.stderr.splitlines() if " planted at " in line] == [
        f"launch: {name} planted at {bug.target}" for name, bug in MUTANTS.items()
    ]


def test_a_function_is_called_as_a_script_would() -> None:
    assert "Usage: dsar-custodian" in _launched("--", "custodians.cli:main", "--help").stdout


DEADLY = """
import asyncio
from orchestrator.flow import dispatch
from tests.crash.mutants.failpoints import plant_failpoint

async def main():
    for n in (1, 2, 3):
        await dispatch.confirm(None, [])
        print(n, flush=True)

plant_failpoint("outbox.after_send:2")
asyncio.run(main())
"""


def test_a_failpoint_kills_the_process_the_time_it_was_told() -> None:
    ended = subprocess.run([sys.executable, "-c", DEADLY], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"1\n")
    assert ended.stderr == b"launch: outbox.after_send reached\n"
