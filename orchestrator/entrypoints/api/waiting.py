"""Whom a request waits for, why, and what to do next: words for people, derived from the row alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel

from orchestrator.domain.request import Blocked, Kind, State
from orchestrator.store.views.requests import Owed, Summary


class On(StrEnum):
    """Who has to move next."""

    US = "us"
    CUSTODIANS = "custodians"
    SYSTEM = "system"
    TIME = "time"
    NOBODY = "nobody"


class Waiting(BaseModel):
    """What a request waits for. `next_command` is what a person can do about it, to be pasted."""

    on: On
    why: str
    since: datetime
    until: datetime | None = None
    custodians: tuple[Owed, ...] = ()
    next_command: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """What is said of a state whose rows are all alike."""

    on: On
    why: str
    command: str | None = None


WORDS: Final[Mapping[State, Word]] = {
    State.RECEIVED: Word(
        On.US, "a verifier must confirm who asks", "request verify {id} --method METHOD --evidence TEXT"
    ),
    State.VERIFIED: Word(On.US, "no custodian is admitted that could be asked", "custodians admit FILE"),
    State.REVIEWING: Word(On.US, "a reviewer must let the report go", "request release {id}"),
    State.REPORTING: Word(On.SYSTEM, "the report is being built", "request show {id}"),
    State.DELIVERABLE: Word(
        On.US, "the report is ready to be handed over", "request report {id} --out report-{id}.zip"
    ),
    State.GRACE: Word(
        On.TIME, "approved; it can be stopped until the grace period ends", "request cancel {id} --reason TEXT"
    ),
    State.WATCHING: Word(On.TIME, "custodians are asked again later whether it stayed gone", "request show {id}"),
    State.CLOSED: Word(On.NOBODY, "it has ended"),
    State.SHREDDED: Word(On.NOBODY, "it has ended, and its keys are destroyed"),
}
STUCK: Final[Mapping[Blocked, str]] = {
    Blocked.IDENTIFIERS: "identifiers that custodians found must be admitted or rejected",
    Blocked.ROUNDS: "the search went on for too many rounds; a person decides",
    Blocked.SEARCH_FAILED: "a custodian could not search; nothing is erased before all have",
    Blocked.TASK_FAILED: "a custodian could not do its part",
    Blocked.REPORT_FAILED: "the report could not be built from what custodians uploaded",
    Blocked.STOPPED: "erasing is stopped; it goes on by itself when the switch is released",
}


def waiting(request: Summary) -> Waiting:
    """Say it for one request."""
    if request.blocked_by is not None:
        return _told(request, Word(On.US, STUCK[request.blocked_by], _way_out(request)))
    if request.state in WORDS:
        return _told(request, WORDS[request.state])
    if request.owed:
        return _owed(request)
    if request.state is State.AWAITING_APPROVAL:
        missing = 2 - request.signatures
        why = f"{missing} of 2 approvers must sign the plan; neither took the request in nor verified the person"
        return _told(request, Word(On.US, why, "request approve {id}"))
    return _told(request, Word(On.SYSTEM, "the next step is being taken", "request show {id}"))


def _way_out(request: Summary) -> str:
    """An access can go on without those who are missing, and says so; an erasure cannot."""
    match request.blocked_by:
        case Blocked.IDENTIFIERS:
            return "request identifiers {id}"
        case Blocked.STOPPED:
            return "switch list"
        case Blocked.SEARCH_FAILED | Blocked.TASK_FAILED | Blocked.REPORT_FAILED | Blocked.ROUNDS:
            return "request retry {id}"
        case _:
            searching = request.kind is Kind.ACCESS and request.state is State.SEARCHING
            return "request release {id} --in-part" if searching else "request show {id}"


def _owed(request: Summary) -> Waiting:
    names = ", ".join(sorted({each.custodian for each in request.owed}))
    told = _told(request, Word(On.CUSTODIANS, f"waiting for {names}", _way_out(request)))
    return told.model_copy(update={"since": min(each.since for each in request.owed)})


def _told(request: Summary, word: Word) -> Waiting:
    until = {State.GRACE: request.grace_until, State.WATCHING: request.wake_at}.get(request.state)
    return Waiting(
        on=word.on,
        why=word.why,
        since=request.changed_at,
        until=until,
        custodians=() if word.on is On.NOBODY else request.owed,
        next_command=None if word.command is None else "dsar " + word.command.format(id=request.id),
    )
