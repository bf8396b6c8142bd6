"""What is stopped: erasing, everywhere or at one custodian (a kill switch), or all that is sent to one (a pause)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from contracts.command import Operation
from contracts.ids import CustodianId
from orchestrator.domain.events import Event

EVERYWHERE: Final = "*"
"""The scope of a switch that stands for every custodian; any other scope is a custodian's id."""


class What(StrEnum):
    """What is stopped."""

    ERASURE = "erasure"  # the kill switch: no erase leaves
    COMMANDS = "commands"  # a pause: nothing leaves; for one custodian only


class Why(StrEnum):
    """Why it was stopped or let go: no request stands behind a stop whose key could seal a person's own words."""

    INCIDENT = "incident"
    WRONG_ERASURE = "wrong_erasure"  # something was erased, or would be, that must not be
    LEAKED_KEY = "leaked_key"
    RESTORE = "restore"  # a backup was restored
    MAINTENANCE = "maintenance"
    OVERLOAD = "overload"
    OWNER_ASKED = "owner_asked"  # the custodian's team
    DRILL = "drill"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A switch as somebody has left it."""

    scope: str
    what: What
    stopped: bool
    why: Why
    ticket: str | None  # where more is written about it
    by: str
    at: datetime


TOLD: Final[Mapping[tuple[What, bool], Event]] = MappingProxyType(
    {
        (What.ERASURE, True): Event.SWITCH_STOPPED,
        (What.ERASURE, False): Event.SWITCH_RELEASED,
        (What.COMMANDS, True): Event.CUSTODIAN_PAUSED,
        (What.COMMANDS, False): Event.CUSTODIAN_RESUMED,
    }
)
"""How the log tells it."""


@dataclass(frozen=True, slots=True)
class Stops:
    """All that is stopped at one moment."""

    pulled: frozenset[tuple[str, What]] = frozenset()

    @property
    def all_erasure(self) -> bool:
        """Whether nobody may be told to erase."""
        return (EVERYWHERE, What.ERASURE) in self.pulled

    def hold_back(self, custodian: CustodianId, operation: Operation) -> bool:
        """Whether a command for *operation* must not leave for *custodian* now. A halt always may: it stops."""
        if operation is Operation.HALT:
            return False
        if (custodian, What.COMMANDS) in self.pulled:
            return True
        return operation is Operation.ERASE and (self.all_erasure or (custodian, What.ERASURE) in self.pulled)

    def hold_all_back(self, custodians: Collection[CustodianId]) -> bool:
        """Whether an erasure at *custodians* must not begin: the switch for all, or one for each of them."""
        if self.all_erasure:
            return True
        return bool(custodians) and all(self.hold_back(each, Operation.ERASE) for each in custodians)
