"""`dsar switch`: the kill switches of erasing, for everybody and for one custodian."""

from typing import Annotated

import typer

from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.output import AsJson, DryRun, as_document, moment, table
from orchestrator.entrypoints.cli.stopping import Reason, Ticket, because, of, stand, turn

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, add_completion=False, help="Stop erasing, and let it go on."
)
Whose = Annotated[str | None, typer.Option("--custodian", help="Only at this one; at everybody's, if left out.")]


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List switches and pauses, with what waits for them."""
    with talking(as_json=as_json) as api:
        found = api.get("/switches")
    if as_json:
        as_document(found)
        return
    rows = [
        (of(each), stand(each), each["held_back"], each["why"], each["ticket"], each["by"], moment(each["at"]))
        for each in found["switches"]
    ]
    table(["what", "stands", "held back", "why", "ticket", "by", "since"], rows, empty="nothing was ever stopped")


@app.command()
def stop(
    *,
    reason: Reason,
    custodian: Whose = None,
    ticket: Ticket = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let no erase leave, and no grace end, until it is released. Halts still leave. May be repeated."""
    body = {"custodian": custodian, **because(reason, ticket, dry_run=dry_run)}
    turn("/switches/stop", body, as_json=as_json)


@app.command()
def release(
    *,
    reason: Reason,
    custodian: Whose = None,
    ticket: Ticket = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let erasing go on: what waited is sent at once. An admin may, or somebody else on call than who stopped it."""
    body = {"custodian": custodian, **because(reason, ticket, dry_run=dry_run)}
    turn("/switches/release", body, as_json=as_json)
