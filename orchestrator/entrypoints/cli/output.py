"""What a command prints: one JSON document, or something for people. Never both."""

import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.results import Ground

PIPED_COLUMNS: Final = 160
"""Where nobody's terminal sets the width."""

GROUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Ground.FREEDOM_OF_EXPRESSION: "freedom of expression",
        Ground.LEGALLY_REQUIRED: "law",
        Ground.PUBLIC_INTEREST: "public interest",
        Ground.PUBLIC_HEALTH: "public health",
        Ground.ARCHIVING: "archiving in the public interest",
        Ground.LEGAL_CLAIMS: "legal claims",
    }
)
"""Why something is kept (GDPR Art. 17(3)), as people say it."""

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else on stdout.")]


DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would touch, and change nothing.")]


def as_document(data: object) -> None:
    """Print *data* as the one document."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def line(text: str = "") -> None:
    """Print a line for people; nothing in it is taken for markup."""
    _console().print(Text(text), soft_wrap=True)


def done(text: str, *, dry_run: bool) -> None:
    """Print what came of a command, or what would come of it."""
    line(f"would be: {text}" if dry_run else text)
    if dry_run:
        line("nothing was changed; leave out --dry-run to do it")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Print a table, or, where it would be empty, a line that says what that means."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for n, heading in enumerate(headings):
        made.add_column(heading, no_wrap=n == 0)  # the first is what is pasted into the next command
    for row in rows:
        made.add_row(*(Text(_cell(each)) for each in row))
    if made.row_count:
        _console().print(made)
    else:
        line(empty)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one pair a line; what is None is left out."""
    told = [(name, value) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in told), default=0)
    for name, value in told:
        line(f"{name:<{width}}  {_cell(value)}")


def results(said: Sequence[dict[str, Any]]) -> str:
    """What was said of a data class, in a few words."""
    return ", ".join(_result(each) for each in said) or "–"


def fate(previewed: Sequence[dict[str, Any]]) -> str:
    """What an erasure will do to a data class, by its preview."""
    return ", ".join(_fate(each) for each in previewed) or "not asked"


def _fate(result: dict[str, Any]) -> str:
    match result["kind"]:
        case "found":
            return f"erase {result['count']}"
        case "retained":
            ground = GROUNDS.get(result["ground"], result["ground"])
            return f"keep {result['count']} ({ground}, until {result['until']})"
        case "not_found":
            return "nothing held"
        case _:
            return _result(result)


def _result(result: dict[str, Any]) -> str:
    words = [str(result["kind"]).replace("_", " ")]
    if "count" in result:
        words.append(str(result["count"]))
    if "ground" in result:
        words.append(f"({result['ground']} until {result['until']})")
    if "level" in result:
        words.append(f"(level {result['level']})")
    return " ".join(words)


def moment(stamp: str | None) -> str:
    """A point in time, to the minute."""
    return "never" if stamp is None else f"{stamp[:16].replace('T', ' ')}Z"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return str(value)


def _console() -> Console:
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=PIPED_COLUMNS)
