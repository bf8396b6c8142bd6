"""The harness's own launcher: a program of the product, started with bugs planted in it, or with none.

python -m tests.crash.launch [--mutant NAME]... [--failpoint NAME[:N]]... -- MODULE[:FUNCTION] ARGS...

The module is run as a program (`orchestrator.entrypoints.run engine`), or its function called as a script would
(`custodians.cli:main run`). Exit code 97: what was to be replaced is gone.
"""

import argparse
import importlib
import runpy
import sys
from collections.abc import Sequence
from typing import Final

from tests.crash.mutants.failpoints import FAILPOINTS, plant_failpoint
from tests.crash.mutants.planting import TargetGone, plant, say

TARGET_GONE: Final = 97
CATALOGUE: Final = "tests.crash.mutants.catalogue"  # imports much of the product: only for who plants something


def launch(mutants: Sequence[str], failpoints: Sequence[str], program: Sequence[str]) -> None:
    """Plant what is asked for, then be the program; raise `TargetGone` before it starts."""
    for name in mutants:
        planted = plant(importlib.import_module(CATALOGUE).MUTANTS[name])
        say(f"{name} planted at {planted.bug.target}")
    for name in failpoints:
        plant_failpoint(name)
        say(f"{name} planted")
    module, _, function = program[0].partition(":")
    sys.argv = list(program)
    if function:
        getattr(importlib.import_module(module), function)()
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests.crash.launch", allow_abbrev=False)
    parser.add_argument("--mutant", action="append", default=[], metavar="NAME")
    parser.add_argument("--failpoint", action="append", default=[], metavar="NAME[:N]", help=", ".join(FAILPOINTS))
    parser.add_argument("program", nargs="+", metavar="MODULE[:FUNCTION] ARGS...")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Read the line; what stands behind `--` is the program's own."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if unknown := [each for each in given.failpoint if each.partition(":")[0] not in FAILPOINTS]:
        parser.error(f"there is no failpoint {unknown[0]}")
    try:
        launch(given.mutant, given.failpoint, given.program)
    except TargetGone as gone:
        say(str(gone))
        return TARGET_GONE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
