"""What must hold before anything is erased. Asked at the point of no return, and again before each command leaves."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.command import Operation
from orchestrator.domain.approval import Approval
from orchestrator.domain.request import Request, State


class Reason(StrEnum):
    """Why a guard does not hold."""

    UNVERIFIED = "identity_unverified"
    NOT_APPROVED = "not_approved"
    LAPSED = "approval_lapsed"
    IN_GRACE = "in_grace"


def failed(request: Request, approval: Approval | None, at: datetime) -> Reason | None:
    """The first guard that does not hold, or None. Signatures are checked by the signer of commands itself."""
    if request.verified_by is None:
        return Reason.UNVERIFIED
    if approval is None or approval.void or approval.second is None or approval.asking != request.asking:
        return Reason.NOT_APPROVED
    if at >= approval.lapses_at(request.grace_until):
        return Reason.LAPSED
    if request.grace_until is None or at < request.grace_until:
        return Reason.IN_GRACE
    return None


ACTIVE: Final[Mapping[Operation, frozenset[State]]] = MappingProxyType(
    {
        Operation.COLLECT: frozenset({State.SEARCHING}),
        Operation.PREVIEW: frozenset({State.SEARCHING, State.AWAITING_APPROVAL}),
        Operation.ERASE: frozenset({State.ERASING}),
        Operation.PROBE: frozenset({State.PROBING, State.WATCHING}),
        Operation.HALT: frozenset({State.ERASING}),
    }
)


def may_issue(request: Request, operation: Operation) -> bool:
    """Whether a command for *operation* makes sense in the request's state, before any approval is looked at."""
    return request.verified_by is not None and request.state in ACTIVE[operation]
