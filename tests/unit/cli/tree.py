"""The command tree, walked."""

from collections.abc import Iterator

import typer
from typer._click import Command
from typer.core import TyperGroup

from orchestrator.entrypoints.cli.main import app


def leaves() -> Iterator[tuple[tuple[str, ...], Command]]:
    """Every command that does something, by its words; a group that does something by itself is one too."""
    root = typer.main.get_command(app)
    yield from _below((), root)


def _below(words: tuple[str, ...], command: Command) -> Iterator[tuple[tuple[str, ...], Command]]:
    if not isinstance(command, TyperGroup):
        yield words, command
        return
    if command.invoke_without_command:
        yield words, command
    context = command.make_context("dsar", [], resilient_parsing=True)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from _below((*words, name), found)
