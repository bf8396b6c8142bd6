"""`dsar me`: who the token belongs to."""

import typer

from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.output import AsJson, as_document, line

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def me(*, as_json: AsJson = False) -> None:
    """Say who you are and what you may do."""
    with talking(as_json=as_json) as api:
        found = api.get("/me")
    if as_json:
        as_document(found)
    else:
        line(f"{found['id']}  {', '.join(found['roles'])}")
