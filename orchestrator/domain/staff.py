"""Who works here: pseudonymous people and what their roles are called."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do. What follows from it is one table, at the door."""

    SUPPORT = "support"  # takes requests in, follows them, stops them
    VERIFIER = "verifier"  # decides whether a person is who they say
    REVIEWER = "reviewer"  # reads what was collected and lets it go
    APPROVER = "approver"  # signs erasures
    AUDITOR = "auditor"  # reads and exports the log; sees no personal data
    ONCALL = "oncall"  # repairs; sees no personal data
    ADMIN = "admin"  # people and custodians; sees no personal data, cannot approve


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """A member of staff, by a pseudonym."""

    id: str
    roles: frozenset[Role]
