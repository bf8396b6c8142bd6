"""`dsar custodians`: who takes part, letting one in, and pausing one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.entrypoints.cli.client import Json, talking
from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.cli.output import AsJson, DryRun, as_document, line, moment, table
from orchestrator.entrypoints.cli.stopping import Reason, Ticket, because, turn

app = typer.Typer(rich_markup_mode=None, add_completion=False)
Custodian = Annotated[str, typer.Argument(help="Its id, as the list shows it.")]


@app.callback(invoke_without_command=True)
def custodians(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List custodians with their workers, admit one, or pause one."""
    if context.invoked_subcommand is None:
        list_(as_json=as_json)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List custodians with their workers; the same as no command."""
    with talking(as_json=as_json) as api:
        found = api.get("/custodians")
    if as_json:
        as_document(found)
        return
    empty = "no custodian is admitted yet: dsar custodians admit FILE"
    headings = ["custodian", "owner", "data classes", "workers", "last heard", "open", "stands"]
    table(headings, map(_row, found["custodians"]), empty=empty)


def _row(custodian: Json) -> tuple[object, ...]:
    workers, heard = len(custodian["workers"]), moment(custodian["last_heard"])
    facts = (custodian["id"], custodian["owner"], custodian["classes"], workers, heard, custodian["open_tasks"])
    return *facts, _stands(custodian)


def _stands(custodian: Json) -> list[str]:
    """Who stops it: we, or its own team, which takes a worker down."""
    draining = custodian["draining"]
    said = {
        "disabled": custodian["disabled_at"] is not None,
        "paused": custodian["paused"],
        "erasing stopped": custodian["erasure_stopped"],
        f"{draining} draining": draining > 0,
    }
    return [word for word, true in said.items() if true] or ["–"]


@app.command()
def admit(
    file: Annotated[Path, typer.Argument(help="What `dsar-custodian manifest` wrote.")], *, as_json: AsJson = False
) -> None:
    """Admit a signed manifest; it counts for every plan frozen from now on."""
    with talking(as_json=as_json) as api:
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            raise Failed(Code.USAGE, f"{file} cannot be read as a signed manifest") from None
        admitted = api.post("/custodians", manifest)
    if as_json:
        as_document(admitted)
    else:
        line(f"{admitted['id']}  admitted with {', '.join(admitted['classes'])}")


@app.command()
def pause(
    custodian: Custodian, *, reason: Reason, ticket: Ticket = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Send it nothing more but halts, until it is resumed; nobody else is held up. May be repeated."""
    body = because(reason, ticket, dry_run=dry_run)
    turn(f"/custodians/{custodian}/pause", body, as_json=as_json)


@app.command()
def resume(
    custodian: Custodian, *, reason: Reason, ticket: Ticket = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Send it what has waited, and whatever comes."""
    body = because(reason, ticket, dry_run=dry_run)
    turn(f"/custodians/{custodian}/resume", body, as_json=as_json)
