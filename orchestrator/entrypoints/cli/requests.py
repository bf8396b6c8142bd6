"""`dsar request`: what support staff, verifiers and reviewers do with requests."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from orchestrator.entrypoints.cli import approving, downloads
from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.codes import Code, Failed, failing
from orchestrator.entrypoints.cli.output import AsJson, DryRun, as_document, done, facts, line, moment, results, table
from orchestrator.entrypoints.cli.why import waits

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    help="Open, list, verify, approve and stop requests.",
)

Id = Annotated[UUID, typer.Argument(metavar="ID", help="The request's id.")]
WHY = typer.Option("--reason", help="Why; it is sealed, only a commitment goes into the log.")
Reason = Annotated[str, WHY]
MayReason = Annotated[str | None, WHY]
Given = Annotated[list[str] | None, typer.Option("--identifier", "-i", help="KIND=VALUE; may be repeated.")]


class Kind(StrEnum):
    """What the person asks for."""

    ACCESS = "access"
    ERASURE = "erasure"


class Which(StrEnum):
    """Which requests to list."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@app.command("open")
def open_(
    kind: Annotated[Kind | None, typer.Argument(help="What the person asks for.")] = None,
    *,
    identifier: Given = None,
    received: Annotated[str | None, typer.Option(help="The day on which it reached you, YYYY-MM-DD; today.")] = None,
    regime: Annotated[str | None, typer.Option(help="Whose clock counts; eu_gdpr.")] = None,
    key: Annotated[str | None, typer.Option(help="Idempotency key; a retry with it opens nothing twice.")] = None,
    file: Annotated[Path | None, typer.Option(help="JSON of one request, or of up to 50; - is stdin.")] = None,
    as_json: AsJson = False,
) -> None:
    """Open a request, or up to fifty from a file.

    dsar request open access -i email=jane@example.com -i phone=+4930123456
    """
    with failing(as_json=as_json):
        body = _from(file) if file else _form(kind, identifier or [], received, regime)
    with talking(as_json=as_json) as api:
        headers = {} if "requests" in body else {"Idempotency-Key": key or f"cli-{uuid4()}"}
        opened = api.post("/requests", body, **headers)
    if as_json:
        as_document(opened)
    elif "results" in opened:
        rows = [(each["key"], each["status"], each.get("id"), _why(each)) for each in opened["results"]]
        table(["key", "status", "id", "problem"], rows, empty="nothing was sent")
    else:
        line(f"{opened['id']}  {opened['state']}, due {opened['due']}")
        line(f"next: dsar request verify {opened['id']} --method METHOD --evidence TEXT")


def _form(kind: Kind | None, identifiers: list[str], received: str | None, regime: str | None) -> dict[str, Any]:
    if kind is None or not identifiers:
        raise Failed(Code.USAGE, "say access or erasure, and at least one --identifier KIND=VALUE; or give a --file")
    pairs = [each.partition("=") for each in identifiers]
    if not all(value for _, _, value in pairs):
        raise Failed(Code.USAGE, "an identifier is written KIND=VALUE, as in email=jane@example.com")
    form: dict[str, Any] = {"kind": kind, "identifiers": [{"kind": name, "value": value} for name, _, value in pairs]}
    more = {"received_on": received, "regime": regime}
    return form | {name: value for name, value in more.items() if value is not None}


def _from(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        body = json.loads(text)
    except (OSError, ValueError):
        raise Failed(Code.USAGE, "the file cannot be read as JSON") from None
    if not isinstance(body, dict):
        raise Failed(Code.USAGE, 'the file holds one request, or {"requests": [...]}')
    return body


def _why(opened: dict[str, Any]) -> str | None:
    problem = opened.get("problem")
    return problem["detail"] if problem else None


@app.command("list")
def list_(
    *,
    which: Annotated[Which, typer.Option(help="Open, closed or all.")] = Which.OPEN,
    kind: Annotated[Kind | None, typer.Option(help="Only these.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    custodian: Annotated[str | None, typer.Option(help="Only what waits for this custodian.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    after: Annotated[str | None, typer.Option(help="`next` of the page before.")] = None,
    as_json: AsJson = False,
) -> None:
    """List requests, those with the fewest days left first."""
    with talking(as_json=as_json) as api:
        asked = {"which": which, "kind": kind, "state": state, "custodian": custodian, "limit": limit, "after": after}
        page = api.get("/requests", **asked)
    if as_json:
        as_document(page)
        return
    rows = [
        (each["id"], each["kind"], each["outcome"] or each["state"], _left(each), each["due"], each["waiting"]["says"])
        for each in page["requests"]
    ]
    table(["id", "kind", "state", "left", "due", "waits for"], rows, empty="no request is open: nothing is owed")
    if page["next"]:
        line(f"more: dsar request list --after {page['next']}")


def _left(request: dict[str, Any]) -> str:
    days = request["days_left"]
    if days is None:
        return "–"
    return f"{-days} d overdue" if days < 0 else f"{days} d"


@app.command()
def show(id_: Id, *, as_json: AsJson = False) -> None:
    """Show a request: whom it waits for, since when, when they were last heard, and what to do next."""
    with talking(as_json=as_json) as api:
        request = api.get(f"/requests/{id_}")
    if as_json:
        as_document(request)
        return
    waiting = request["waiting"]
    facts(
        [
            ("request", request["id"]),
            ("kind", request["kind"]),
            ("state", request["state"]),
            ("outcome", request["outcome"]),
            ("received", request["received_on"]),
            ("due", f"{request['due']} ({_left(request)})"),
            *waits(waiting),
        ]
    )
    for each in waiting["owed"]:
        heard = moment(each["last_heard"])
        line(f"  {each['custodian']}: {each['operation']} owed since {moment(each['since'])}, last heard {heard}")
    rows = [
        (each["custodian"], each["label"], results(each["said"]) if each["said"] else results(each["previewed"]))
        for each in request["lines"]
    ]
    table(["custodian", "data", "said"], rows, empty="no plan yet")
    if waiting["next_command"]:
        line(f"next: {waiting['next_command']}")


@app.command()
def verify(
    id_: Id,
    *,
    method: Annotated[str, typer.Option(help="How it was checked, in one word.")],
    evidence: Annotated[str, typer.Option(help="What was seen; sealed. Never a copy of a document.")],
    failed: Annotated[bool, typer.Option("--failed", help="The proof did not hold: the request ends.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record that the person is who they say; from then on custodians are asked."""
    result = "failed" if failed else "confirmed"
    _decide(id_, "verify", {"result": result, "method": method, "evidence": evidence}, as_json=as_json)


app.command("approve")(approving.approve)


@app.command()
def release(
    id_: Id,
    *,
    in_part: Annotated[bool, typer.Option("--in-part", help="Go on without those who have not answered.")] = False,
    reason: MayReason = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let the report of an access request be built."""
    _decide(id_, "release", {"in_part": in_part, "reason": reason, "dry_run": dry_run}, as_json=as_json)


app.command("report")(downloads.report)


@app.command()
def retry(id_: Id, *, reason: MayReason = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Ask custodians again for what has failed."""
    _decide(id_, "retry", {"reason": reason, "dry_run": dry_run}, as_json=as_json)


@app.command()
def cancel(id_: Id, *, reason: Reason, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Stop a request on our side; refused once an erasure has begun."""
    _decide(id_, "cancel", {"reason": reason, "dry_run": dry_run}, as_json=as_json)


@app.command()
def withdraw(id_: Id, *, reason: Reason, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """The person takes the request back; an erasure that has begun is halted where it can be."""
    _decide(id_, "withdraw", {"reason": reason, "dry_run": dry_run}, as_json=as_json)


@app.command()
def identifiers(id_: Id, *, as_json: AsJson = False) -> None:
    """Show the identifiers in clear; that you read them goes into the log."""
    with talking(as_json=as_json) as api:
        read = api.get(f"/requests/{id_}/identifiers")
    if as_json:
        as_document(read)
        return
    rows = [
        (each["n"], each["kind"], each["value"], each["standing"], each["found_by"]) for each in read["identifiers"]
    ]
    table(["n", "kind", "value", "standing", "found by"], rows, empty="there are none")
    if any(each["standing"] == "proposed" for each in read["identifiers"]):
        line(f"next: dsar request admit {id_} N, or dsar request reject {id_} N")


@app.command()
def admit(id_: Id, n: Annotated[int, typer.Argument(min=1)], *, as_json: AsJson = False) -> None:
    """Use an identifier that a custodian found."""
    _decide(id_, f"identifiers/{n}", {"admit": True}, as_json=as_json)


@app.command()
def reject(id_: Id, n: Annotated[int, typer.Argument(min=1)], *, as_json: AsJson = False) -> None:
    """Never use an identifier that a custodian found."""
    _decide(id_, f"identifiers/{n}", {"admit": False}, as_json=as_json)


def _decide(id_: UUID, what: str, body: dict[str, Any], *, as_json: bool) -> None:
    with talking(as_json=as_json) as api:
        now = api.post(f"/requests/{id_}/{what}", body)
    if as_json:
        as_document(now)
        return
    before = "" if now.get("changed", True) else ", as before"
    done(f"{now['id']}  {now['outcome'] or now['state']}{before}", dry_run=body.get("dry_run", False))
    for each in now.get("tasks", ()):
        line(f"  {each['custodian']}: {each['operation']}, round {each['round']}, {each['state'].replace('_', ' ')}")
