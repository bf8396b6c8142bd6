"""`dsar demo`: the whole system of one machine, for as long as two requests take."""

import shutil
import sys
from pathlib import Path
from typing import Final

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
OPENER: Final = "open" if sys.platform == "darwin" else "xdg-open"


@app.command()
def demo(*, as_json: AsJson = False) -> None:
    """Drive one access and one erasure request to their ends on this machine, and stop everything again."""
    telemetry.configure("demo", level="warning")
    with failing(as_json=as_json), in_words(DemoStuck, Refused):
        played = play(Settings.read(), View(Console(), silent=as_json))
    if as_json:
        as_document(told(played))
    else:
        for each in as_lines(played, programs=before_programs(), opener=OPENER):
            line(each)


def before_programs() -> str:
    """What must stand before `dsar` in the shell that called: nothing where it is on the PATH, else its folder."""
    own, here, found = Path(sys.executable).parent, Path.cwd(), shutil.which("dsar")
    if found is not None and Path(found).absolute() == own / "dsar":
        return ""
    return f"{own.relative_to(here) if own.is_relative_to(here) else own}/"
