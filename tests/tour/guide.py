"""The tour as README tells it: commands, and what a reader is told to see."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

README: Final = Path(__file__).parents[2] / "README.md"
TOUR: Final = re.compile(r"<!-- tour:[^>]*-->\n(.*?)<!-- /tour -->", re.DOTALL)
STEP: Final = re.compile(r"^```bash\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
ANYTHING: Final = "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One block of commands, and the lines that follow it, if any are shown."""

    commands: str
    shown: Sequence[str]


def steps(text: str) -> list[Step]:
    """The steps of the tour, in order."""
    tour = TOUR.search(text)
    assert tour is not None, "there is no tour"
    return [Step(commands=commands, shown=shown.splitlines()) for commands, shown in STEP.findall(tour[1])]


def differences(shown: Sequence[str], said: Sequence[str]) -> Iterator[str]:
    """Name the first shown line that was not said where it should have been; `…` alone is any number of lines."""
    rest = [line.rstrip() for line in said]
    anywhere = False
    for line in shown:
        if line == ANYTHING:
            anywhere = True
            continue
        at = next((n for n, each in enumerate(rest) if _fits(line, each)), None)
        if at is None or (at and not anywhere):
            yield f"{line!r} was not said, but {rest[:3]}"
            return
        rest, anywhere = rest[at + 1 :], False
    if rest and not anywhere:
        yield f"nothing more was to be said, but {rest[:3]}"


def _fits(shown: str, said: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.rstrip().split(ANYTHING))), said) is not None
