"""`dsar request approve` and `dsar approver init`: the approver's own key, and what is signed with it."""

import os
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from contracts.ids import RequestId
from contracts.keys import SigningKey, WrongKeyFile
from orchestrator.domain.approval import approval_bytes
from orchestrator.domain.plan import hash_of
from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.cli.output import AsJson, as_document, fate, line, table

KEY_VARIABLE = "DSAR_APPROVER_KEY"
KeyFile = Annotated[
    Path | None, typer.Option("--key", help=f"Your key; {KEY_VARIABLE} or a file in your own folder by default.")
]


def key_file(given: Path | None) -> Path:
    """Where the personal key is: in the user's own folder, never in that of the system."""
    named = os.environ.get(KEY_VARIABLE)
    return given or (Path(named) if named else Path(typer.get_app_dir("dsar")) / "approver.pem")


def approve(
    id_: Annotated[UUID, typer.Argument(metavar="ID", help="The request's id.")],
    *,
    key: KeyFile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Sign without asking; you have seen the plan.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve an erasure: look at its plan, and sign it with your own key.

    The hash that is signed is computed here, from what is shown: an API that lied would be found out by the signer
    of commands.
    """
    with talking(as_json=as_json) as api:
        signer = _signer(key_file(key))
        plan = api.get(f"/requests/{id_}/plan")
        computed = _checked(plan, id_)
        if not as_json:
            _show(plan, computed)
        _sure(yes=yes)
        approved = api.post(f"/requests/{id_}/approve", _signed(signer, plan["document"], computed))
    if as_json:
        as_document(approved)
    elif approved["grace_until"]:
        line(f"approved by two; it can be stopped until {approved['grace_until']}")
    else:
        line("signed; a second approver must sign within 24 hours")


def _signer(file: Path) -> SigningKey:
    try:
        return SigningKey.load(file)
    except (OSError, WrongKeyFile):
        raise Failed(Code.USAGE, f"{file} is no key of yours; make one with `dsar approver init`") from None


def _checked(plan: dict[str, Any], id_: UUID) -> str:
    """The hash of the plan's document; refuses one that is not what it says, or of another request."""
    computed = hash_of(plan["document"])
    shown = {(each["custodian"], each["data_class"]) for each in plan["lines"]}
    covered = {(custodian, data_class) for custodian, data_class, *_ in plan["document"]["lines"]}
    if computed != plan["hash"] or plan["document"]["request"] != str(id_) or shown != covered:
        raise Failed(Code.REFUSED, "the plan shown is not the one that its hash stands for: nobody should sign it")
    return computed


def _show(plan: dict[str, Any], computed: str) -> None:
    rows = [(each["custodian"], each["data_class"], fate(each["previewed"])) for each in plan["lines"]]
    table(["custodian", "data class", "will be done"], rows, empty="the plan is empty")
    line(f"plan {computed} of request {plan['document']['request']} in {plan['document']['environment']}")


def _sure(*, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Failed(Code.USAGE, "nobody is here to ask: say --yes if the plan has been looked at")
    if not typer.confirm("Erase this?", err=True):
        raise Failed(Code.REFUSED, "not signed")


def _signed(signer: SigningKey, document: dict[str, Any], plan_hash: str) -> dict[str, Any]:
    now = int(time.time())
    signed = approval_bytes(
        environment=document["environment"],
        request=RequestId(UUID(document["request"])),
        plan_hash=plan_hash,
        signed_at=datetime.fromtimestamp(now, UTC),
    )
    signature = b64encode(signer.sign(signed)).decode()
    return {"plan_hash": plan_hash, "kid": signer.kid, "signed_at": now, "signature": signature}
