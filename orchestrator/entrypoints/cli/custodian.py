"""`dsar custodian …`: hands everything on to `dsar-custodian`, a program of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import typer

from orchestrator.entrypoints.cli.codes import Code, Failed, failing

PROGRAM = "dsar-custodian"
app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, add_help_option=False)
def custodian(context: typer.Context) -> None:
    """Call `dsar-custodian` with the same arguments, and end as it ends."""
    with failing(as_json=False):
        beside = Path(sys.executable).with_name(PROGRAM)
        found = str(beside) if beside.exists() else shutil.which(PROGRAM)
        if found is None:
            raise Failed(Code.UNREACHABLE, f"`{PROGRAM}` is not installed beside this program")
    done = subprocess.run([found, *context.args], check=False)  # noqa: S603 - a program of this installation
    raise typer.Exit(done.returncode)
