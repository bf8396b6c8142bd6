"""`dsar dead-letters`: what could not be taken, for on-call."""

from enum import StrEnum
from typing import Annotated

import typer

from orchestrator.entrypoints.cli.client import Json, talking
from orchestrator.entrypoints.cli.output import AsJson, DryRun, as_document, done, facts, line, moment, table
from orchestrator.entrypoints.cli.stopping import Ticket, because

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, add_completion=False, help="List, show, replay and drop dead letters."
)


class Reason(StrEnum):
    """Why something is decided about a letter."""

    REPAIRED = "repaired"
    NOT_OURS = "not_ours"
    OUTDATED = "outdated"
    DRILL = "drill"
    OTHER = "other"


Partition = Annotated[int, typer.Argument(min=0, help="Of the topic of dead letters.")]
Offset = Annotated[int, typer.Argument(min=0)]
Why = Annotated[
    Reason, typer.Option("--reason", help="Why, in a word of ours: it goes into the log, beside your name.")
]


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
    rows = [_row(each) for each in found["letters"]]
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
    line(f"next: dsar dead-letters replay {partition} {offset} --reason repaired, or dsar dead-letters drop …")


@app.command()
def replay(
    partition: Partition,
    offset: Offset,
    *,
    reason: Why,
    ticket: Ticket = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send the record again, as it was; whoever reads it checks it anew. May be repeated."""
    body = because(reason, ticket, dry_run=dry_run)
    _decide(f"/dead-letters/{partition}/{offset}/replay", body, as_json=as_json)


@app.command()
def drop(
    partition: Partition,
    offset: Offset,
    *,
    reason: Why,
    ticket: Ticket = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Say that the letter needs nothing; it stays on its topic until it expires."""
    body = because(reason, ticket, dry_run=dry_run)
    _decide(f"/dead-letters/{partition}/{offset}/drop", body, as_json=as_json)


@app.command("let-pass")
def let_pass(*, reason: Why, ticket: Ticket = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Have the engine put what it refuses into the dead letters and read on, if its brake is pulled."""
    with talking(as_json=as_json) as api:
        passing = api.post("/dead-letters/let-pass", because(reason, ticket, dry_run=dry_run))
    if as_json:
        as_document(passing)
    else:
        done(f"{passing['reader']}  lets its next batch pass if its brake is pulled", dry_run=dry_run)


def _decide(path: str, body: Json, *, as_json: bool) -> None:
    with talking(as_json=as_json) as api:
        letter = api.post(path, body)
    if as_json:
        as_document(letter)
        return
    about = f"{letter['refusal']} from {letter['topic']}, refused by {letter['reader']}"
    done(f"{letter['partition']}/{letter['offset']}  {_done(letter)}  ({about})", dry_run=body["dry_run"])
