"""`dsar-custodian`: run a custodian's worker, make its keys, print its manifest, fill and check its store.

Exit codes: 0 ok, 1 refused by a rule, 2 usage, 3 not reachable, 4 not found, 5 conflict.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from custodians.commands.ending import code_of

app = typer.Typer(
    help="Run a custodian: the owner of stores that hold personal data.",
    epilog="Exit codes: 0 ok, 1 refused by a rule, 2 usage, 3 not reachable, 4 not found, 5 conflict.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys = typer.Typer(help="The custodian's own keys.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys, name="keys")

Config = Annotated[
    Path | None,
    typer.Option(
        help="Settings in YAML; the environment (DSAR_CUSTODIAN_…) wins.", envvar="DSAR_CUSTODIAN_CONFIG", exists=True
    ),
]
Store = Annotated[str, typer.Option(help="The store's address.", envvar="DSAR_CUSTODIAN_STORE")]
Home = Annotated[Path, typer.Argument(help="The worker's home folder.", envvar="DSAR_CUSTODIAN_HOME")]


@app.command()
def run(config: Config = None) -> None:
    """Work until SIGTERM: what runs is ended or handed back."""
    _do("run", lambda do: do.work(config))


@keys.command()
def init(home: Home) -> None:
    """Make the keys that are missing, in HOME/keys. What is there stays."""
    _do("keys", lambda do: do.init(home))


@app.command()
def manifest(config: Config = None) -> None:
    """Print the signed manifest, for an admin to admit."""
    _do("manifest", lambda do: do.show(config))


@app.command()
def seed(sample: str, store: Store) -> None:
    """Fill the store of a sample with made-up people. Doing it again adds only what is missing."""
    _do("seed", lambda do: do.sample(sample, store))


@app.command()
def check(config: Config = None) -> None:
    """Say where the data map and its store differ; exit with 1 if they do."""
    _do("check", lambda do: do.store(config))


def _do(command: str, call: Callable[[Any], int]) -> None:
    raise typer.Exit(code_of(command, call))


def main() -> None:
    """Run the command line."""
    app(prog_name="dsar-custodian")
