"""What can keep a request from going on: a closed vocabulary, in the order in which it is named when several hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orchestrator.domain.request import Blocked, State
from orchestrator.domain.staff import Role


class WaitsFor(StrEnum):
    """The culprit. Of several that hold, the one that stands first here is named first.

    First what no custodian can do anything about, then what only a person can end, then what ends by itself.
    """

    NOTHING = "nothing"
    SWITCH = "kill_switch"
    KAFKA = "kafka"
    DISPATCHER = "dispatcher"
    ENGINE = "engine"
    REPORTER = "reporter"
    PROOF = "proof_of_identity"
    IDENTIFIERS = "found_identifiers"
    MORE_ROUNDS = "more_rounds"
    RETRY = "retry"
    REPORT_AGAIN = "report_again"
    REVIEW = "review"
    FETCH = "fetch"
    SEALING_KEY = "sealing_key"
    PAUSED = "paused_custodian"
    SILENT = "silent_custodian"
    DRAINING = "draining_custodian"
    OVERDUE = "overdue_custodian"
    HALT = "halt"
    MANUAL = "manual_work"
    DEFERRED = "deferred_work"
    BACKOFF = "next_try"
    ANSWER = "answer"
    SENDING = "sending"
    FIRST_APPROVAL = "first_approval"
    SECOND_APPROVAL = "second_approval"
    GRACE = "grace"
    WATCH = "watch"
    REPORT = "report"
    STEP = "next_step"
    GAP = "gap"  # keeps nothing from going on: an access would end without this part


class Mover(StrEnum):
    """Whose move it is."""

    PERSON = "person"  # who made the request
    STAFF = "staff"
    CUSTODIAN = "custodian"
    MACHINE = "machine"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindrance:
    """One reason why a request stands where it stands. Nothing in it is about the person."""

    waits_for: WaitsFor
    whose_move: Mover
    who: str | None = None  # a custodian's id, a role of staff, or a role of the machine
    says: str
    since: datetime
    until: datetime | None = None  # when it ends by itself, or is looked at again
    next_command: str | None = None
    by: Role | None = None  # who may type that command


def machine(waits_for: WaitsFor, who: str, says: str, since: datetime, command: str = "dsar doctor") -> Hindrance:
    """Something of ours that should have moved by itself."""
    return Hindrance(
        waits_for=waits_for,
        whose_move=Mover.MACHINE,
        who=who,
        says=says,
        since=since,
        next_command=command,
        by=Role.ONCALL,
    )


def order(hindrance: Hindrance) -> tuple[int, datetime]:
    """By what blocks first, then by age."""
    return list(WaitsFor).index(hindrance.waits_for), hindrance.since


def stamp(at: datetime) -> str:
    """A point in time inside a sentence, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What is said of a state, or of a reason to be stuck, that is alike for all requests."""

    waits_for: WaitsFor
    whose_move: Mover
    says: str
    who: str | None = None
    command: str | None = None
    by: Role | None = None


def _staff(waits_for: WaitsFor, says: str, command: str, by: Role) -> Word:
    return Word(waits_for=waits_for, whose_move=Mover.STAFF, who=by, says=says, command=command, by=by)


def _person(waits_for: WaitsFor, says: str, command: str, by: Role) -> Word:
    return Word(waits_for=waits_for, whose_move=Mover.PERSON, says=says, command=command, by=by)


def _machine(waits_for: WaitsFor, who: str, says: str) -> Word:
    return Word(waits_for=waits_for, whose_move=Mover.MACHINE, who=who, says=says, command="why {id}", by=Role.SUPPORT)


W, R = WaitsFor, Role
STATES: Final[Mapping[State, Word]] = MappingProxyType(
    {
        State.RECEIVED: _person(
            W.PROOF,
            "the person must prove who they are, and a verifier confirm it",
            "request verify {id} --method METHOD --evidence TEXT",
            R.VERIFIER,
        ),
        State.REVIEWING: _staff(W.REVIEW, "a reviewer must let the report go", "request release {id}", R.REVIEWER),
        State.REPORTING: _machine(W.REPORT, "reporter", "the report is being built"),
        State.DELIVERABLE: _person(
            W.FETCH,
            "the report is ready; the person fetches it, or a reviewer hands it over",
            "request report {id} --out report-{id}.zip",
            R.REVIEWER,
        ),
        State.GRACE: Word(
            waits_for=W.GRACE,
            whose_move=Mover.MACHINE,
            who="engine",
            says="approved; erasing begins by itself when grace ends (until then `dsar request cancel` stops it)",
        ),
        State.WATCHING: _machine(W.WATCH, "engine", "custodians are asked again later whether it stayed gone"),
    }
)
FIRST: Final = _staff(
    W.FIRST_APPROVAL,
    "two approvers must sign the plan; neither took the request in nor verified the person",
    "request approve {id}",
    R.APPROVER,
)
SECOND: Final = _staff(
    W.SECOND_APPROVAL, "a second approver must sign, or the first signature lapses", "request approve {id}", R.APPROVER
)
STUCK: Final[Mapping[Blocked, Word]] = MappingProxyType(
    {
        Blocked.IDENTIFIERS: _staff(
            W.IDENTIFIERS,
            "identifiers that custodians found must be admitted or rejected",
            "request identifiers {id}",
            R.VERIFIER,
        ),
        Blocked.ROUNDS: _staff(
            W.MORE_ROUNDS,
            "the search went on for too many rounds; a person decides on one more",
            "request retry {id}",
            R.ONCALL,
        ),
        Blocked.SEARCH_FAILED: _staff(
            W.RETRY,
            "a custodian could not search; nothing is erased before all have",
            "request retry {id}",
            R.ONCALL,
        ),
        Blocked.TASK_FAILED: _staff(W.RETRY, "a custodian could not do its part", "request retry {id}", R.ONCALL),
        Blocked.REPORT_FAILED: _staff(
            W.REPORT_AGAIN,
            "the report could not be built from what custodians uploaded",
            "request retry {id}",
            R.ONCALL,
        ),
        Blocked.STOPPED: _staff(
            W.SWITCH, "erasing is stopped; it goes on by itself when the switch is released", "switch list", R.ONCALL
        ),
    }
)
STEP: Final = _machine(W.STEP, "engine", "the next step is being taken")
