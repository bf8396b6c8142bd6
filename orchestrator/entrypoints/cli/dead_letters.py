"""`dsar dead-letters`: what could not be taken, for on-call."""

from typing import Annotated

import typer

from orchestrator.entrypoints.cli.client import Json, talking
from orchestrator.entrypoints.cli.output import AsJson, as_document, facts, line, moment, table

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, add_completion=False, help="List, show, replay and drop dead letters."
)
Partition = Annotated[int, typer.Argument(min=0, help="Of the topic of dead letters.")]
Offset = Annotated[int, typer.Argument(min=0)]


@app.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    undecided: Annotated[bool, typer.Option("--undecided", help="Only those nobody has dealt with.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""
    with talking(as_json=as_json) as api:
        found = api.get("/dead-letters", limit=limit, undecided=str(undecided).lower())
    if as_json:
        as_document(found)
        return
    rows = [
        (
            each["partition"],
            each["offset"],
            moment(each["at"]),
            each["reader"],
            each["refusal"],
            each["topic"],
            _done(each),
        )
        for each in found["letters"]
    ]
    empty = "no dead letter: everything that was read could be taken"
    table(["partition", "offset", "at", "reader", "why", "topic", "decided"], rows, empty=empty)


def _row(letter: Json) -> tuple[object, ...]:
    place, why = (letter["partition"], letter["offset"]), (letter["reader"], letter["refusal"], letter["topic"])
    return *place, moment(letter["at"]), *why, _done(letter)


def _done(letter: Json) -> str | None:
    return letter["decided"]["decision"] if letter["decided"] else None


@app.command()
def show(partition: Partition, offset: Offset, *, as_json: AsJson = False) -> None:
    """Show a dead letter, without its content."""
    with talking(as_json=as_json) as api:
        letter = api.get(f"/dead-letters/{partition}/{offset}")
    if as_json:
        as_document(letter)
        return
    facts((name.replace("_", " "), value) for name, value in letter.items() if name != "decided")
    line(f"next: dsar dead-letters replay {partition} {offset}, or dsar dead-letters drop {partition} {offset}")


@app.command()
def replay(partition: Partition, offset: Offset, *, as_json: AsJson = False) -> None:
    """Send the record again, as it was; whoever reads it checks it anew. May be repeated."""
    _decide("replay", partition, offset, as_json=as_json)


@app.command()
def drop(partition: Partition, offset: Offset, *, as_json: AsJson = False) -> None:
    """Say that the letter needs nothing; it stays on its topic until it expires."""
    _decide("drop", partition, offset, as_json=as_json)


def _decide(what: str, partition: int, offset: int, *, as_json: bool) -> None:
    with talking(as_json=as_json) as api:
        letter = api.post(f"/dead-letters/{partition}/{offset}/{what}")
    if as_json:
        as_document(letter)
    else:
        line(f"{partition}/{offset}  {_done(letter)}")
