"""`dsar demo`: the whole system of one machine, for as long as two requests take."""

import typer
from rich.console import Console

from orchestrator import telemetry
from orchestrator.entrypoints.cli.codes import failing
from orchestrator.entrypoints.cli.mishaps import in_words
from orchestrator.entrypoints.cli.output import AsJson, as_document, line
from orchestrator.entrypoints.machine.cast import Refused
from orchestrator.entrypoints.machine.curtain import as_json as told
from orchestrator.entrypoints.machine.curtain import as_lines
from orchestrator.entrypoints.machine.demo import DemoStuck
from orchestrator.entrypoints.machine.demo import demo as play
from orchestrator.entrypoints.machine.view import View
from orchestrator.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def demo(*, as_json: AsJson = False) -> None:
    """Drive one access and one erasure request to their ends on this machine, and stop everything again."""
    telemetry.configure("demo", level="warning")
    with failing(as_json=as_json), in_words(DemoStuck, Refused):
        played = play(Settings.read(), View(Console(), silent=as_json))
    if as_json:
        as_document(told(played))
    else:
        for each in as_lines(played):
            line(each)
