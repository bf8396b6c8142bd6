"""The two layers that a bug is tried on: the tests that are named for it, and the crash harness."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.crash.mutants.proofs import TESTS
from tests.crash.mutants.scenarios import SCENARIOS
from tests.crash.run import crash

ROOT: Final = Path(__file__).parents[3]
FAILED: Final = 1  # pytest's code for tests that ran and failed; any other is no proof
PYTEST: Final = (
    "pytest",
    *("-p", "no:cacheprovider", "-q", "-x"),
    *(
        "-W",
        "ignore:Module already imported:pytest.PytestAssertRewriteWarning",
    ),  # the launcher imports the product first
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one bug on one layer."""

    mutant: str
    layer: str
    caught: bool
    took_s: float
    by: str  # what caught it, or what went wrong


def tests(mutant: str) -> Tried:
    """Run the test that is named for it, with the bug planted: it must fail, and the bug must have been reached."""
    began = time.monotonic()
    ended = _run(["--mutant", mutant], [TESTS[mutant]])
    caught = ended.returncode == FAILED and f"launch: {mutant} reached" in ended.stderr
    why = TESTS[mutant].rpartition("::")[2] if caught else _last_line(ended)
    return Tried(mutant=mutant, layer="tests", caught=caught, took_s=time.monotonic() - began, by=why)


def harness(mutant: str, seed: int) -> Tried:
    """Run the harness with the bug planted, in the scenario that exposes it: somebody must be guilty of something."""
    began = time.monotonic()
    try:
        verdict = crash(replace(SCENARIOS[mutant], seed=seed))
    except (AssertionError, ExceptionGroup, OSError, TimeoutError) as error:
        return Tried(
            mutant=mutant, layer="harness", caught=False, took_s=time.monotonic() - began, by=type(error).__name__
        )
    charges = [f"{charge}: {len(found)}" for charge, found in verdict.judgement.findings.items() if found]
    if verdict.folder is not None:
        shutil.rmtree(verdict.folder)
    return Tried(
        mutant=mutant, layer="harness", caught=bool(charges), took_s=verdict.took_s, by=", ".join(charges) or "nobody"
    )


def whole(mutants: Sequence[str]) -> None:
    """Raise unless the same tests pass where nothing is planted: else their failing says nothing."""
    ended = _run([], [TESTS[mutant] for mutant in mutants])
    if ended.returncode != 0:
        raise RuntimeError(f"without any bug the tests fail already:\n{ended.stdout[-4000:]}{ended.stderr[-2000:]}")


def _run(planted: Sequence[str], nodes: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "tests.crash.launch", *planted, "--", *PYTEST, *nodes]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def _last_line(ended: "subprocess.CompletedProcess[str]") -> str:
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if re.search(r"\S", line)]
    return f"exit {ended.returncode}: {lines[-1] if lines else 'nothing said'}"
