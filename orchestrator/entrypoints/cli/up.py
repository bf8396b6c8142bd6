"""`dsar up`: the whole system of one machine. What only other commands need is not imported here: it stays."""

from typing import Annotated

import typer

from orchestrator import telemetry
from orchestrator.entrypoints.cli.codes import failing
from orchestrator.entrypoints.cli.mishaps import in_words
from orchestrator.entrypoints.machine.samples import Name
from orchestrator.entrypoints.machine.up import up as keep_up
from orchestrator.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)
Without = Annotated[
    list[Name] | None,
    typer.Option(
        "--without",
        metavar="|".join(Name),
        help="Do not start this sample: see what it means that a custodian is away. May be repeated.",
    ),
]


@app.command()
def up(without: Without = None) -> None:
    """Keep the whole system running in the foreground: services, roles, three sample custodians. Ctrl-C stops it."""
    telemetry.configure("up", level="warning")
    with failing(as_json=False), in_words():
        keep_up(Settings.read(), without=without or [])
