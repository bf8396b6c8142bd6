"""`dsar-custodian`: run a custodian's worker, make its keys, print its manifest, fill and check its store."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Run a custodian: the owner of stores that hold personal data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys = typer.Typer(help="The custodian's own keys.", no_args_is_help=True)
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
    _do(lambda do: do.run(config))


@keys.command()
def init(home: Home) -> None:
    """Make the keys that are missing, in HOME/keys. What is there stays."""
    _do(lambda do: do.init_keys(home))


@app.command()
def manifest(config: Config = None) -> None:
    """Print the signed manifest, for an admin to admit."""
    _do(lambda do: do.manifest(config))


@app.command()
def seed(sample: str, store: Store) -> None:
    """Fill the store of a sample with made-up people. Doing it again adds only what is missing."""
    _do(lambda do: do.seed(sample, store))


@app.command()
def check(config: Config = None) -> None:
    """Say where the data map and its store differ; exit with 1 if they do."""
    _do(lambda do: do.check(config))


def _do(call: Callable[[Any], int]) -> None:
    """Load what does the work, do it, and end with its code."""
    commands = importlib.import_module("custodians.commands")
    try:
        code = call(commands)
    except Exception as error:  # noqa: BLE001 - said in words, or raised again
        code = commands.in_words(error)
    raise typer.Exit(code)


def main() -> None:
    """Run the command line."""
    app(prog_name="dsar-custodian")
