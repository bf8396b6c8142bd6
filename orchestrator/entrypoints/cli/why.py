"""`dsar why`: what a request waits for, on one screen."""

from typing import Annotated, Any
from uuid import UUID

import typer

from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.output import AsJson, as_document, facts, line, moment

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def why(
    request: Annotated[UUID, typer.Argument(metavar="REQUEST", help="The request's id.")], *, as_json: AsJson = False
) -> None:
    """Say what a request waits for, since when, whose move it is, and the next command to type."""
    with talking(as_json=as_json) as api:
        told = api.get(f"/requests/{request}/why")
    if as_json:
        as_document(told)
        return
    waiting = told["waiting"]
    is_ = f"{told['kind']}, {told['outcome'] or told['state']}, due {told['due']}"
    facts([("request", told["id"]), ("is", is_), *waits(waiting)])
    for each in waiting["also"]:
        line(f"also: {each['says']}")
    if waiting["next_command"]:
        line(f"next: {waiting['next_command']}")


def waits(waiting: dict[str, Any]) -> list[tuple[str, object]]:
    """What is waited for, since when, until when, and whose move it is, as names and values."""
    who = f" ({waiting['who']})" if waiting["who"] else ""
    return [
        ("waits for", waiting["says"]),
        ("since", moment(waiting["since"])),
        ("until", moment(waiting["until"]) if waiting["until"] else None),
        ("move", f"{waiting['whose_move']}{who}"),
    ]
