"""`python -m tests.crash.mutants`: plant every bug, one after the other, and print which layer caught it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tests.crash.mutants import layers
from tests.crash.mutants.catalogue import BUGS
from tests.crash.mutants.layers import Tried

HEADS = ("mutant", "layer", "caught", "seconds", "by")


def main(argv: Sequence[str] | None = None) -> int:
    """Try them; 0 if every one was caught on every layer that was asked for."""
    given = _parser().parse_args(argv)
    names = given.only or list(BUGS)
    _say(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {given.seed}")  # noqa: TID251 - an entry point
    _say(_row(HEADS))
    _say(_row("---" for _ in HEADS))
    tried = []
    for each in _tried(names, given.layer, given.seed):
        tried.append(each)
        _say(_row((each.mutant, each.layer, "yes" if each.caught else "NO", f"{each.took_s:.0f}", each.by)))
    survived = [each.mutant for each in tried if not each.caught]
    _say(f"{len(tried) - len(survived)} of {len(tried)} caught" + "".join(f", {name} SURVIVED" for name in survived))
    return 1 if survived else 0


def _tried(names: Sequence[str], layer: str | None, seed: int) -> Iterator[Tried]:
    if layer != "harness":
        layers.whole(names)
        yield from (layers.tests(name) for name in names)
    if layer != "tests":
        yield from (layers.harness(name, seed) for name in names)


def _row(cells: Iterator[str] | Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.mutants", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(BUGS), metavar="NAME", help="this one alone")
    parser.add_argument("--layer", choices=("tests", "harness"), help="only the named tests, or only the harness")
    parser.add_argument("--seed", type=int, default=1, help="of the harness's schedule")
    return parser


if __name__ == "__main__":
    sys.exit(main())
