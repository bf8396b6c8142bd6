"""`dsar custodians`: who takes part, and letting one in."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.entrypoints.cli.client import Code, Failed, Json, talking
from orchestrator.entrypoints.cli.output import AsJson, as_document, line, moment, table

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.callback(invoke_without_command=True)
def custodians(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List custodians with their workers, or admit one."""
    if context.invoked_subcommand is not None:
        return
    with talking(as_json=as_json) as api:
        found = api.get("/custodians")
    if as_json:
        as_document(found)
        return
    rows = [
        (
            each["id"],
            each["owner"],
            each["classes"],
            len(each["workers"]),
            moment(each["last_heard"]),
            each["open_tasks"],
        )
        for each in found["custodians"]
    ]
    empty = "no custodian is admitted yet: dsar custodians admit FILE"
    table(["custodian", "owner", "data classes", "workers", "last heard", "open"], rows, empty=empty)


def _row(custodian: Json) -> tuple[object, ...]:
    workers, heard = len(custodian["workers"]), moment(custodian["last_heard"])
    return custodian["id"], custodian["owner"], custodian["classes"], workers, heard, custodian["open_tasks"]


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
