"""`dsar run`: one or more roles, as a deployment runs them."""

from typing import Annotated

import typer

from orchestrator.entrypoints import run as program
from orchestrator.entrypoints.cli.codes import failing
from orchestrator.entrypoints.cli.mishaps import in_words
from orchestrator.entrypoints.working import Refuses
from orchestrator.settings import Role

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def run(roles: Annotated[list[Role], typer.Argument(help="One or more: " + ", ".join(Role) + ".")]) -> None:
    """Run roles in this process until SIGTERM, as the environment says (DSAR_…)."""
    with failing(as_json=False), in_words(Refuses):
        program.run(roles)
