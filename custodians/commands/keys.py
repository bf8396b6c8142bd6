"""`dsar-custodian keys …`."""

import secrets
from pathlib import Path

import typer

from custodians.commands.codes import OK
from custodians.runner import keys


def init(home: Path) -> int:
    """Make the keys that are missing, and tell the kids of all."""
    made = keys.create(home, secrets.token_bytes)
    typer.echo(f"signing key {made.signer.kid}")
    for kid in made.sealers:
        typer.echo(f"sealing key {kid}")
    return OK
