"""`dsar approver init`: a personal key, made on the approver's own machine, of which only the public half leaves it."""

import secrets
import sys
from base64 import b64encode
from typing import Annotated

import typer

from contracts.keys import SigningKey
from orchestrator.entrypoints.cli.approving import KeyFile, key_file
from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.codes import Code, Failed, failing
from orchestrator.entrypoints.cli.output import AsJson, as_document, line

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Make the key with which you approve erasures.",
)


@app.callback()
def approver() -> None:
    """Make the personal key with which you approve erasures."""


@app.command()
def init(
    *,
    staff: Annotated[str | None, typer.Option(help="Your id; your token says it by default.")] = None,
    key: KeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Make your key, and print the lines to append to approvers.toml. An existing key is never overwritten."""
    if staff is None:
        with talking(as_json=as_json) as api:
            staff = str(api.get("/me")["id"])
    file = key_file(key)
    with failing(as_json=as_json):
        made = SigningKey.generate(secrets.token_bytes(32))
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            made.save(file)
        except FileExistsError:
            raise Failed(Code.CONFLICT, f"{file} exists and stays; name another file with --key") from None
    public = b64encode(made.public).decode()
    if as_json:
        as_document({"staff": staff, "kid": made.kid, "public": public, "file": str(file)})
        return
    note = f"your key is {file}; it never leaves this machine. Whoever runs the dispatcher adds to approvers.toml:"
    print(note, file=sys.stderr)  # apart, so that the lines can be appended as they come
    line(f'\n[[approver]]\nstaff = "{staff}"\npublic = "{public}"')
