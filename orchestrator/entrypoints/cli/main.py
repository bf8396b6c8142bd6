"""`dsar`: the table of its commands. A command's module is imported when it is called, so that help costs nothing.

Exit codes, of every command: 0 ok, 1 refused by a rule, 2 usage, 3 not reachable, 4 not found, 5 conflict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from types import MappingProxyType
from typing import Annotated, Final

import typer
from typer._click import Command, Context, HelpFormatter
from typer.core import TyperCommand, TyperGroup

from orchestrator.entrypoints.cli.codes import Code, Failed, failing


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command is (a module, and its Typer in there), what the list says of it, and what is installed for it."""

    module: str
    help: str
    typer: str = "app"
    extras: str = "orchestrator"

    def command(self) -> Command:
        """Import it."""
        try:
            module = import_module(self.module)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] in OURS:
                raise
            needs = f"this command needs the extra: pip install 'dsar-orchestrator[{self.extras}]'"
            raise Failed(Code.USAGE, needs) from None
        return typer.main.get_command(getattr(module, self.typer))


OURS: Final = {"contracts", "custodians", "orchestrator"}
HERE: Final = "orchestrator.entrypoints.cli"
WHOLE: Final = "orchestrator,embedded,sql,objects"
COMMANDS: Final[Mapping[str, Lazy]] = MappingProxyType(
    {
        "demo": Lazy(f"{HERE}.demo", "One access and one erasure request, from start to end.", extras=WHOLE),
        "up": Lazy(f"{HERE}.up", "The whole system of one machine, in the foreground.", extras=WHOLE),
        "run": Lazy(f"{HERE}.run", "One or more roles, as a deployment runs them."),
        "recover": Lazy(f"{HERE}.recover", "Take up a database that was restored from a backup."),
        "db": Lazy(f"{HERE}.db", "Bring the database up to date, or see whether it is."),
        "request": Lazy(f"{HERE}.requests", "Open, list, verify, approve, release and stop requests."),
        "why": Lazy(f"{HERE}.why", "What a request waits for, whose move it is, and the next command."),
        "custodians": Lazy(f"{HERE}.custodians", "See who takes part; admit, pause and resume custodians."),
        "switch": Lazy(f"{HERE}.switch", "Stop erasing, at one custodian or everywhere, and let it go on."),
        "staff": Lazy(f"{HERE}.staff", "Add, list and disable staff; issue their tokens."),
        "approver": Lazy(f"{HERE}.approver", "Make the personal key with which you approve erasures."),
        "audit": Lazy(f"{HERE}.audit", "Look at the log, or take it away."),
        "dead-letters": Lazy(f"{HERE}.dead_letters", "List, show, replay and drop what could not be taken."),
        "me": Lazy(f"{HERE}.me", "Say who you are and what you may do."),
        "doctor": Lazy(f"{HERE}.doctor", "Look at this machine and say what to repair."),
        "custodian": Lazy(f"{HERE}.custodian", "Call `dsar-custodian`, the tool of custodian teams."),
    }
)


class LazyGroup(TyperGroup):
    """Knows its commands by name, and imports the one that is called."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - the base class asks so
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002 - the same
        self.commands.update({name: TyperCommand(name) for name in COMMANDS})  # for "did you mean"
        lazy = COMMANDS.get(cmd_name)
        if lazy is None:
            return None
        with failing(as_json=False):
            return lazy.command()

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - a flag's callback
    if wanted:
        print(metadata.version("dsar-orchestrator"))
        raise typer.Exit


@app.callback(epilog="Exit codes: 0 ok, 1 refused by a rule, 2 usage, 3 not reachable, 4 not found, 5 conflict.")
def dsar(
    *, version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False
) -> None:
    """Answer data subject requests: find, hand over, erase, and prove it."""


def main() -> None:
    """Run the command line."""
    app(prog_name="dsar")
