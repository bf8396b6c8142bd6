"""`dsar recover`: take up a database that was restored from a backup, before anything else runs on it."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator import telemetry
from orchestrator.audit.outside import UnfitLog
from orchestrator.domain.stops import Why
from orchestrator.entrypoints.cli.codes import Code, Failed, failing
from orchestrator.entrypoints.cli.mishaps import in_words
from orchestrator.entrypoints.cli.output import AsJson, DryRun, as_document, facts, line
from orchestrator.entrypoints.cli.stopping import Ticket
from orchestrator.entrypoints.recovering import Asked, Done
from orchestrator.entrypoints.recovering import recover as take_up
from orchestrator.entrypoints.working import Refuses
from orchestrator.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)
Logs = Annotated[
    list[Path] | None,
    typer.Option(
        "--log",
        exists=True,
        dir_okay=False,
        help="An export of the log that was kept outside the database. May be repeated: give all that there are.",
    ),
]
NoLog = Annotated[bool, typer.Option("--no-log", help="There is no export: what was decided since is not known.")]
BackupTime = Annotated[
    str, typer.Option("--backup-time", help="When the backup was made, with its zone: 2026-11-22T03:00:00Z.")
]
Reason = Annotated[Why, typer.Option("--reason", help="Why, in a word of ours: it goes into the log.")]


@app.command()
def recover(
    *,
    backup_time: BackupTime,
    reason: Reason,
    log: Logs = None,
    no_log: NoLog = False,
    ticket: Ticket = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take up a restored backup, as the database's owner, while no role runs. Safe to repeat.

    Begins a new generation of task ids, voids approvals, applies from the log what was cancelled, withdrawn and closed
    since, reads the answers since the backup again, and leaves erasing stopped.
    """
    telemetry.configure("recover", level="warning")
    with failing(as_json=as_json), in_words(Refuses, UnfitLog):
        if bool(log) is no_log:
            raise Failed(Code.USAGE, "give every export of the log with --log, or say --no-log if there is none")
        asked = Asked(logs=log or [], backup_at=_moment(backup_time), why=reason, ticket=ticket, dry_run=dry_run)
        done = take_up(Settings.read(), asked)
    if as_json:
        as_document(_told(done, dry_run=dry_run))
        return
    facts(_facts(done))
    for said in _next(done, dry_run=dry_run):
        line(said)


def _moment(given: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise Failed(Code.USAGE, "--backup-time is a date and a time, like 2026-11-22T03:00:00Z") from None
    if found.tzinfo is None:
        raise Failed(Code.USAGE, "--backup-time lacks its zone: add Z, or +01:00")
    return found


def _told(done: Done, *, dry_run: bool) -> dict[str, Any]:
    found = done.recovered
    return {
        "dry_run": dry_run,
        "done_before": found.again,
        "generation": found.generation,
        "entries_put_back": found.put_back,
        "numbers_lost": found.numbers_lost,
        "known_until": found.known_until.isoformat() if found.known_until else None,
        "requests": found.taken_up,
        "closed_again": [str(each) for each in found.closed_again],
        "lost": [
            {
                "id": str(each.id),
                "kind": each.kind,
                "state": each.state,
                "received_on": each.received_on,
                "due": each.due,
            }
            for each in found.lost
        ],
        "staff_disabled": list(found.staff_disabled),
        "staff_lost": list(found.staff_lost),
        "custodians_lost": list(found.custodians_lost),
        "stopped_again": list(found.stopped),
        "answers_read_again": done.read_again,
        "answers_of_lost_tasks": found.lost_answers,
        "release_after": found.release_after.isoformat(timespec="seconds"),
    }


def _facts(done: Done) -> Iterator[tuple[str, object]]:
    found = done.recovered
    yield "generation", f"{found.generation}{'  (was taken up before)' if found.again else ''}"
    if not found.again:
        yield "log", f"{found.put_back} entries put back, {found.numbers_lost} lost for good"
        yield "requests", f"{found.taken_up} taken up, {len(found.closed_again)} of them closed again"
    yield "disabled again", ", ".join(found.staff_disabled) or None
    yield "stopped again", ", ".join(found.stopped) or None
    yield "staff to add again", ", ".join(found.staff_lost) or None
    yield "to admit again", ", ".join(found.custodians_lost) or None
    yield "answers", f"{done.read_again} to be read again" if done.read_again is not None else None
    yield "of lost tasks", f"{found.lost_answers} answers recorded so far"


def _next(done: Done, *, dry_run: bool) -> Iterator[str]:
    """What the operator has to know and to do, in this order."""
    found = done.recovered
    if found.numbers_lost:
        until = found.known_until.isoformat(timespec="seconds") if found.known_until else "the backup"
        yield f"NOT KNOWN: what was decided after {until}. Ask those who cancelled or withdrew anything since."
    if found.lost:
        yield "LOST: opened after the backup; ask these people again, the old days count:"
        yield from (
            f"  {each.id}  {each.kind}, received {each.received_on}, due {each.due}, was {each.state}"
            for each in found.lost
        )
    if dry_run:
        yield "nothing was changed: this was a dry run"
        return
    after = found.release_after.isoformat(timespec="seconds").replace("+00:00", "Z")
    yield "Erasing is stopped everywhere, and stays so until it is released."
    yield f"Not before {after}: until then an erase that left before the restore may still be begun somewhere."
    yield "Then start the roles, look at what was approved and must be approved again, and:"
    yield "  dsar switch release --reason restore"
