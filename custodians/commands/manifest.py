"""`dsar-custodian manifest`."""

from pathlib import Path

import typer

from contracts.signed_manifest import sign_manifest
from custodians import plugins
from custodians.commands.codes import OK
from custodians.runner import keys
from custodians.runner.settings import load


def show(config: Path | None) -> int:
    """Print the signed manifest."""
    settings = load(config)
    own = keys.load(settings.home)
    said = plugins.declaration_of(settings).manifest(own.declared)
    typer.echo(sign_manifest(said, own.signer).to_bytes().decode())
    return OK
