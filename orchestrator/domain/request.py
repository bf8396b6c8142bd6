"""A request, its states, and the only table by which it moves."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.ids import RequestId
from orchestrator.domain.errors import IllegalTransition
from orchestrator.domain.events import FACTS
from orchestrator.domain.events import Event as E  # noqa: N817 - the table reads better


class Kind(StrEnum):
    """What the person asks for."""

    ACCESS = "access"
    ERASURE = "erasure"


class State(StrEnum):
    """Where a request stands."""

    RECEIVED = "received"  # waiting for proof of identity
    VERIFIED = "verified"  # identity proven, plan not yet frozen
    SEARCHING = "searching"  # custodians collect or preview, in rounds
    REVIEWING = "reviewing"  # access: a person looks before anything goes out
    REPORTING = "reporting"  # access: the report is being built
    DELIVERABLE = "deliverable"  # access: waiting to be fetched
    AWAITING_APPROVAL = "awaiting_approval"  # erasure: two people must sign
    GRACE = "grace"  # erasure: signed, can still be stopped
    ERASING = "erasing"  # erasure: past the point of no return
    PROBING = "probing"  # erasure: is it really gone?
    WATCHING = "watching"  # erasure: does it stay gone?
    CLOSED = "closed"
    SHREDDED = "shredded"


class Outcome(StrEnum):
    """How a request ended."""

    FULFILLED = "fulfilled"
    PARTIAL = "partial"
    UNDELIVERED = "undelivered"
    ERASED = "erased"
    RETAINED_IN_PART = "retained_in_part"
    NO_DATA = "no_data"
    UNVERIFIED = "unverified"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class Blocked(StrEnum):
    """Why a request waits for a person of ours, though no state says so."""

    IDENTIFIERS = "identifiers_proposed"
    SEARCH_FAILED = "search_failed"
    ROUNDS = "search_rounds_exhausted"
    TASK_FAILED = "task_failed"
    REPORT_FAILED = "report_failed"
    STOPPED = "erasure_stopped"


Rows = Mapping[State, Mapping[E, State]]
S = State

STOPS: Final = {E.WITHDRAWN: S.CLOSED, E.CANCELLED: S.CLOSED, E.REFUSED: S.CLOSED}
BOTH: Final[Rows] = {
    S.RECEIVED: STOPS | {E.OPENED: S.RECEIVED, E.IDENTITY_CONFIRMED: S.VERIFIED, E.IDENTITY_FAILED: S.CLOSED},
    S.VERIFIED: STOPS | {E.PLAN_FROZEN: S.SEARCHING},
    S.CLOSED: {E.REOPENED: S.SEARCHING, E.SHREDDED: S.SHREDDED},
    S.SHREDDED: {},
}
ROUNDS: Final = STOPS | {
    E.ROUND_BEGUN: S.SEARCHING,
    E.IDENTIFIERS_PROPOSED: S.SEARCHING,
    E.IDENTIFIER_ADMITTED: S.SEARCHING,
    E.IDENTIFIER_REJECTED: S.SEARCHING,
}
ACCESS: Final[Rows] = {
    **BOTH,
    S.SEARCHING: ROUNDS | {E.SEARCH_ENDED: S.REVIEWING, E.RELEASED_IN_PART: S.REVIEWING},
    S.REVIEWING: STOPS | {E.SENT_BACK: S.SEARCHING, E.RELEASED: S.REPORTING},
    S.REPORTING: {E.REPORT_BUILT: S.DELIVERABLE, E.REPORT_FAILED: S.REPORTING, E.WITHDRAWN: S.CLOSED},
    S.DELIVERABLE: {
        E.DOWNLOADED: S.CLOSED, E.REPORT_EXPIRED: S.CLOSED, E.RESENT: S.DELIVERABLE, E.WITHDRAWN: S.CLOSED,
    },
}  # fmt: skip
UNAPPROVED: Final = dict.fromkeys(
    (E.APPROVAL_LAPSED, E.APPROVAL_REJECTED, E.SIGNATURES_UNFIT, E.APPROVAL_VOIDED, E.HELD), S.AWAITING_APPROVAL
)
ERASURE: Final[Rows] = {
    **BOTH,
    S.SEARCHING: ROUNDS | {E.SEARCH_ENDED: S.AWAITING_APPROVAL, E.NOTHING_HELD: S.CLOSED},
    S.AWAITING_APPROVAL: STOPS | UNAPPROVED | {
        E.APPROVED_ONCE: S.AWAITING_APPROVAL, E.APPROVED_TWICE: S.GRACE, E.PREVIEWED_AGAIN: S.AWAITING_APPROVAL,
    },
    S.GRACE: UNAPPROVED | {E.POINT_OF_NO_RETURN: S.ERASING, E.WITHDRAWN: S.CLOSED, E.CANCELLED: S.CLOSED},
    # No row for CANCELLED from here on; a request sent back from here has `begun`, which forbids it too.
    S.ERASING: dict.fromkeys((E.WITHDRAWN, *UNAPPROVED, E.DRIFTED), S.ERASING) | {
        E.ERASE_ENDED: S.PROBING, E.HALTS_ENDED: S.AWAITING_APPROVAL, E.WITHDRAWAL_ENDED: S.CLOSED,
    },
    S.PROBING: {E.ABSENT: S.WATCHING, E.RESIDUAL: S.ERASING, E.RESIDUAL_STAYS: S.AWAITING_APPROVAL},
    S.WATCHING: {
        E.ABSENT: S.WATCHING, E.PROBED_AGAIN: S.WATCHING, E.RESIDUAL_STAYS: S.AWAITING_APPROVAL,
        E.WATCH_ENDED: S.CLOSED,
    },
}  # fmt: skip


def _with_closed_again(rows: Rows) -> Rows:
    """After a restored backup: what a log kept outside knows as closed is closed again, wherever it fell back to."""
    over = (S.CLOSED, S.SHREDDED)
    return {state: row if state in over else {**row, E.CLOSED_AGAIN: S.CLOSED} for state, row in rows.items()}


BY_PEOPLE: Final[Mapping[E, str]] = MappingProxyType(
    {
        E.IDENTITY_CONFIRMED: "verified",
        E.IDENTITY_FAILED: "verified",
        E.RELEASED: "released",
        E.RELEASED_IN_PART: "released in part",
        E.SENT_BACK: "sent back",
        E.APPROVED_ONCE: "approved",
        E.APPROVED_TWICE: "approved",
        E.DOWNLOADED: "handed over",
        E.WITHDRAWN: "withdrawn",
        E.CANCELLED: "cancelled",
    }
)
"""What people do to a request, in the words in which it is refused to them."""

TRANSITIONS: Final[Mapping[Kind, Rows]] = MappingProxyType(
    {Kind.ACCESS: _with_closed_again(ACCESS), Kind.ERASURE: _with_closed_again(ERASURE)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One person's request. Nothing in it says who the person is."""

    id: RequestId
    kind: Kind
    state: State
    version: int  # counts its facts, whatever they change; the log folds by it
    regime: str
    received_on: date
    due: date
    opened_by: str
    verified_by: str | None = None
    outcome: Outcome | None = None  # how it last ended; a reopened request keeps it until it ends again
    search_round: int = 0
    erase_round: int = 0
    probe_round: int = 0
    asking: int = 0  # of approval; grows whenever an approval ends, so that no old signature fits again
    begun: bool = False  # an erase was let go: cancel is closed for good
    withdrawn: bool = False  # while erasing: stop what can be stopped, then close
    partial: bool = False  # released before every custodian had answered
    test: bool = False  # about nobody: everything is done, and marked as a test
    plan_hash: str | None = None
    grace_until: datetime | None = None
    wake_at: datetime | None = None
    blocked_by: Blocked | None = None

    def on(self, event: E, *, outcome: Outcome | None = None) -> "Request":
        """Return the request after *event*; raise `IllegalTransition` if the table has no such row."""
        target = self.state if event in FACTS else TRANSITIONS[self.kind].get(self.state, {}).get(event)
        if target is None or (event is E.CANCELLED and self.begun):
            raise IllegalTransition(self._refusal(event))
        return replace(self, state=target, version=self.version + 1, outcome=outcome or self.outcome)

    def _refusal(self, event: E) -> str:
        over = self.state in (S.CLOSED, S.SHREDDED)
        ended = f" ({self.outcome.replace('_', ' ')})" if over and self.outcome is not None else ""
        state = f"the request is {self.state.replace('_', ' ')}{ended}"
        if event not in BY_PEOPLE:
            return f"{event} is not possible: {state}"
        return f"it cannot be {BY_PEOPLE[event]} {'any more' if over else 'now'}: {state}"
