"""`python -m tests.crash`: one run, its table, and an exit code that says whether anything was wrong."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.crash.options import EVERY_KIND, Kind, Options
from tests.crash.run import crash
from tests.crash.schedule import schedule
from tests.crash.table import told


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; 0 if every count is 0."""
    given = _parser().parse_args(argv)
    options = Options(
        seed=given.seed,
        requests=given.requests,
        custodians=given.custodians,
        faults=given.faults,
        minutes=given.minutes,
        kinds=given.kinds,
        mutants=_planted(given.mutant),
        failpoints=_planted(given.failpoint),
        folder=given.folder,
        keep=given.keep,
    )
    logging.disable(logging.CRITICAL)  # of our own Kafka clients, which are cut off like everybody
    _say("\n".join(map(str, schedule(options))))
    if given.schedule:
        return 0
    verdict = crash(options)
    _say(told(verdict))
    return 0 if verdict.passed else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--seed", type=int, default=default.seed, help="the same seed gives the same schedule")
    parser.add_argument("--requests", type=int, default=default.requests)
    parser.add_argument("--custodians", type=int, default=default.custodians)
    parser.add_argument("--faults", type=int, default=default.faults)
    parser.add_argument("--minutes", type=float, help="inject faults for so long, evenly spread")
    parser.add_argument("--kinds", type=_kinds, default=EVERY_KIND, help="only these, with commas between them")
    parser.add_argument("--mutant", action="append", default=[], metavar="PROCESS=NAME", help="plant a bug")
    parser.add_argument("--failpoint", action="append", default=[], metavar="PROCESS=NAME", help="die at this point")
    parser.add_argument("--folder", type=Path, help="where the run's folder is made")
    parser.add_argument("--keep", action="store_true", help="keep the run's folder though it passed")
    parser.add_argument("--schedule", action="store_true", help="print the schedule and stop")
    return parser


def _kinds(text: str) -> tuple[Kind, ...]:
    return tuple(Kind(each) for each in text.split(","))


def _planted(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        process, _, name = pair.partition("=")
        found[process] = (*found.get(process, ()), name)
    return found


if __name__ == "__main__":
    sys.exit(main())
