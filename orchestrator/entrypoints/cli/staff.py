"""`dsar staff`: who works here, and their tokens."""

from typing import Annotated

import typer

from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.output import AsJson, as_document, line, moment, table

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, add_completion=False, help="Add, list and disable staff; issue tokens."
)
Staff = Annotated[str, typer.Argument(metavar="ID", help="Their id.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Who they are; kept apart from what they do.")],
    *,
    role: Annotated[list[str], typer.Option(help="support, verifier, reviewer, approver, auditor, oncall or admin.")],
    as_json: AsJson = False,
) -> None:
    """Add somebody, who can do nothing until they have a token."""
    with talking(as_json=as_json) as api:
        joined = api.post("/staff", {"name": name, "roles": role})
    if as_json:
        as_document(joined)
    else:
        line(f"{joined['id']}  {', '.join(joined['roles'])}")
        line(f"next: dsar staff token {joined['id']}")


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List everybody there ever was."""
    with talking(as_json=as_json) as api:
        found = api.get("/staff")
    if as_json:
        as_document(found)
        return
    rows = [
        (each["id"], each["name"], each["roles"], each["tokens"], moment(each["disabled_at"]))
        for each in found["staff"]
    ]
    table(["id", "name", "roles", "tokens", "disabled"], rows, empty="nobody works here yet")


@app.command()
def token(
    staff: Staff, *, hours: Annotated[int, typer.Option(min=1, max=2160)] = 2160, as_json: AsJson = False
) -> None:
    """Issue a token, and show it this once."""
    with talking(as_json=as_json) as api:
        issued = api.post(f"/staff/{staff}/tokens", {"hours": hours})
    if as_json:
        as_document(issued)
    else:
        line(f"{issued['token']}  until {moment(issued['expires_at'])}, shown once")


@app.command()
def disable(staff: Staff, *, as_json: AsJson = False) -> None:
    """Disable somebody and all their tokens, at once."""
    with talking(as_json=as_json) as api:
        gone = api.post(f"/staff/{staff}/disable")
    if as_json:
        as_document(gone)
    else:
        line(f"{gone['id']}  disabled")
