"""`dsar audit`: the log, to look at and to take away."""

import sys
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.cli.downloads import save
from orchestrator.entrypoints.cli.output import AsJson, as_document, line, table

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, add_completion=False, help="Look at the log, or take it away."
)


@app.command("list")
def list_(
    *,
    request: Annotated[UUID | None, typer.Option(help="Only what is about this request.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    before: Annotated[int | None, typer.Option(min=0, help="`next` of the page before.")] = None,
    as_json: AsJson = False,
) -> None:
    """List entries, the newest first."""
    with talking(as_json=as_json) as api:
        page = api.get("/audit", request=request, limit=limit, before=before)
    if as_json:
        as_document(page)
        return
    rows = [
        (each["seq"], leaf["at"][:19], leaf["type"], leaf["actor"], leaf["request"], leaf["n"])
        for each in page["entries"]
        for leaf in [each["leaf"]]
    ]
    table(["seq", "at", "what", "who", "request", "n"], rows, empty="the log is empty")
    if page["next"] is not None:
        only = "" if request is None else f" --request {request}"
        line(f"more: dsar audit list{only} --before {page['next']}")


@app.command()
def export(
    *,
    out: Annotated[Path, typer.Option("--out", help="The file to write, a leaf a line; - is stdout.")],
    as_json: AsJson = False,
) -> None:
    """Export the log: line n holds the bytes of entry n, exactly as they are hashed. That is an entry too."""
    with talking(as_json=as_json) as api:
        to_stdout = str(out) == "-"
        if to_stdout and as_json:
            raise Failed(Code.USAGE, "--json prints one document about the export: give --out a file")
        with api.stream("/audit/export") as response:
            entries = int(response.headers["x-dsar-entries"])
            if to_stdout:
                for chunk in response.iter_bytes():
                    sys.stdout.buffer.write(chunk)
                return
            size, digest = save(response.iter_bytes(), out)
    if as_json:
        as_document({"file": str(out), "entries": entries, "bytes": size, "sha256": digest})
    else:
        line(f"{out}  {entries} entries, {size} bytes, SHA-256 {digest}")
