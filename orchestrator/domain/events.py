"""Every fact that the log can hold: it moves states, feeds the deadlines, and is the type of a leaf. One vocabulary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

from contracts.framing import framed
from contracts.ids import CustodianId, EventId, RequestId

Fact = str | int | bool | None | list[str] | dict[str, int]
Facts = Mapping[str, Fact]
"""Typed, free of personal data: ids, counts, names of classes and of errors."""


class Event(StrEnum):
    """What happened. A value here is for ever: old logs are read with it."""

    OPENED = "request.opened"
    IDENTITY_CONFIRMED = "identity.confirmed"
    IDENTITY_FAILED = "identity.failed"
    PLAN_FROZEN = "plan.frozen"
    ROUND_BEGUN = "search.round_begun"
    IDENTIFIERS_PROPOSED = "search.identifiers_proposed"
    IDENTIFIER_ADMITTED = "identifier.admitted"
    IDENTIFIER_REJECTED = "identifier.rejected"
    SEARCH_ENDED = "search.ended"
    NOTHING_HELD = "search.nothing_held"
    RELEASED_IN_PART = "search.released_in_part"
    SENT_BACK = "review.sent_back"
    RELEASED = "review.released"
    REPORT_BUILT = "report.built"
    REPORT_FAILED = "report.failed"
    DOWNLOADED = "report.downloaded"
    REPORT_EXPIRED = "report.expired"
    RESENT = "report.resent"
    APPROVED_ONCE = "approval.first"
    APPROVED_TWICE = "approval.second"
    APPROVAL_LAPSED = "approval.lapsed"
    APPROVAL_REJECTED = "approval.rejected"
    SIGNATURES_UNFIT = "approval.signatures_unfit"
    APPROVAL_VOIDED = "approval.voided"
    HELD = "hold.met"
    POINT_OF_NO_RETURN = "erase.begun"
    DRIFTED = "erase.drifted"
    HALTS_ENDED = "erase.halts_ended"
    PREVIEWED_AGAIN = "erase.previewed_again"
    WITHDRAWAL_ENDED = "erase.withdrawal_ended"
    ERASE_ENDED = "erase.ended"
    ABSENT = "probe.absent"
    RESIDUAL = "probe.residual"
    RESIDUAL_STAYS = "probe.residual_stays"
    PROBED_AGAIN = "probe.begun_again"
    WATCH_ENDED = "watch.ended"
    WITHDRAWN = "request.withdrawn"
    CANCELLED = "request.cancelled"
    REFUSED = "request.refused"
    REOPENED = "request.reopened"
    SHREDDED = "request.shredded"
    RESTORED = "request.restored"
    CLOSED_AGAIN = "request.closed_again"
    LOST = "request.lost"

    COMMAND_ISSUED = "command.issued"
    ANSWER_ACCEPTED = "answer.accepted"
    ANSWER_OUTDATED = "answer.outdated"
    ANSWER_LATE = "answer.late"
    ANSWER_AFTER_CLOSE = "answer.after_close"
    ANSWER_CONFLICTS = "answer.conflicts"
    ANSWER_NONSENSE = "answer.nonsense"
    ANSWER_OF_LOST_TASK = "answer.of_lost_task"
    TASK_FAILED = "task.failed"
    TASK_REJECTED = "task.rejected"
    TASK_DEFERRED = "task.deferred"
    TASK_RETRIED = "task.retried"
    TASK_REPLANNED = "task.replanned"
    TASK_HALTED = "task.halted"
    HELD_BACK = "erase.held_back"
    DATA_READ = "data.read"

    STAFF_ADDED = "staff.added"
    STAFF_DISABLED = "staff.disabled"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 - the name of a fact
    STAFF_REFUSED = "staff.refused"
    CUSTODIAN_ADMITTED = "custodian.admitted"
    CUSTODIAN_PAUSED = "custodian.paused"
    CUSTODIAN_RESUMED = "custodian.resumed"
    SWITCH_STOPPED = "switch.stopped"
    SWITCH_RELEASED = "switch.released"
    LOG_EXPORTED = "log.exported"
    RECOVERED = "recovery.done"
    DEAD_LETTER_REPLAYED = "dead_letter.replayed"
    DEAD_LETTER_DROPPED = "dead_letter.dropped"
    BRAKE_RELEASED = "brake.released"


FACTS: Final = frozenset({
    Event.COMMAND_ISSUED, Event.ANSWER_ACCEPTED, Event.ANSWER_OUTDATED, Event.ANSWER_LATE, Event.ANSWER_AFTER_CLOSE,
    Event.ANSWER_CONFLICTS, Event.ANSWER_NONSENSE, Event.TASK_FAILED, Event.TASK_REJECTED, Event.TASK_DEFERRED,
    Event.TASK_RETRIED, Event.TASK_REPLANNED, Event.TASK_HALTED, Event.DATA_READ,
    Event.HELD_BACK, Event.ANSWER_OF_LOST_TASK, Event.RESTORED,
})  # fmt: skip
"""Facts about a request that leave its state as it is, whatever it is."""

TICKET: Final = r"^[A-Z]{2,10}-?[0-9]{1,10}$"
"""The number of a ticket, as a person may give it to the log: nobody's name fits, nor an address."""

SYSTEM: Final = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """The personal half of an entry: *sealed* to the request's own key; the leaf commits to *text* under *salt*."""

    text: str = field(repr=False)
    salt: bytes = field(repr=False)
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One fact as the log will hold it. *detail* is personal: the leaf commits to it, the text lies sealed beside."""

    id: EventId
    event: Event
    at: datetime
    actor: str  # a staff id, a custodian's id, or `SYSTEM`
    request: RequestId | None = None
    version: int = 0  # of the request, after this fact; 0 where no request is meant
    custodian: CustodianId | None = None
    facts: Facts = field(default_factory=dict)
    causes: tuple[EventId, ...] = ()
    detail: Detail | None = None


def event_id(request: RequestId, version: int) -> EventId:
    """Derive the id of the entry that brought *request* to *version*: a repeated transaction writes the same id."""
    digest = bytearray(sha256(b"dsar-event-v1" + framed(request.bytes, str(version).encode())).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80  # UUID version 8: RFC 9562, section 5.8
    digest[8] = (digest[8] & 0x3F) | 0x80
    return EventId(UUID(bytes=bytes(digest)))
