"""The closed vocabulary of what a custodian can say: per data class, or for a task as a whole."""

from datetime import date
from enum import IntEnum, StrEnum
from typing import Annotated, Literal

from pydantic import Field

from contracts.identifiers import IdentifierKind
from contracts.wire import Count, Number, Wire


class Level(IntEnum):
    """How deep an erasure went. An answer that names none is refused: a soft delete is not an erasure."""

    INVISIBLE = 1  # no query finds it
    UNINDEXED = 2  # out of indexes, caches and replicas
    REWRITTEN = 3  # the bytes are gone
    BACKUPS = 4  # aged out of backups; never required, always told


class Ground(StrEnum):
    """Why data is kept in spite of a request (GDPR Art. 17(3)); names follow the W3C DPV GDPR extension."""

    FREEDOM_OF_EXPRESSION = "A17FreedomOfExpression"
    LEGALLY_REQUIRED = "A17LegallyRequired"
    PUBLIC_INTEREST = "A17PublicInterest"
    PUBLIC_HEALTH = "A17PublicHealth"
    ARCHIVING = "A17Archiving"
    LEGAL_CLAIMS = "A17LegalClaims"


class Found(Wire):
    """This many records are held (collect), or would be erased (preview)."""

    kind: Literal["found"] = "found"
    count: Number


class NotFound(Wire):
    """Nothing is held. An answer, not an error."""

    kind: Literal["not_found"] = "not_found"


class Erased(Wire):
    """Gone, down to *level* now, from disk and backups by the dates given. Already absent counts as erased before."""

    kind: Literal["erased"] = "erased"
    count: Count
    level: Level
    physical_by: date | None = None
    backups_by: date | None = None


class Anonymised(Wire):
    """No longer about a person. Hashing and masking are not anonymisation and have no name here."""

    kind: Literal["anonymised"] = "anonymised"
    count: Number
    method: Literal["aggregation", "generalisation", "randomisation"]


class Restricted(Wire):
    """Kept, but no longer processed (GDPR Art. 18)."""

    kind: Literal["restricted"] = "restricted"
    count: Number


class Retained(Wire):
    """Kept, for a ground in law and until a date. Retention without both is refused."""

    kind: Literal["retained"] = "retained"
    count: Number
    ground: Ground
    until: date


class Unsupported(Wire):
    """The custodian cannot do this for this class. It ends the task and is a gap."""

    kind: Literal["unsupported"] = "unsupported"


class Absent(Wire):
    """A probe found nothing that should be gone."""

    kind: Literal["absent"] = "absent"


class Residual(Wire):
    """A probe found records that should be gone."""

    kind: Literal["residual"] = "residual"
    count: Number


class Unaddressable(Wire):
    """Nobody knows the identifier that the custodian needs. Written by the orchestrator, never by a custodian."""

    kind: Literal["unaddressable"] = "unaddressable"
    kinds: tuple[IdentifierKind, ...]


class Waived(Wire):
    """Two people decided not to wait for it. Written by the orchestrator, never by a custodian; always a gap."""

    kind: Literal["waived"] = "waived"


ClassResult = Found | NotFound | Erased | Anonymised | Restricted | Retained | Unsupported | Absent | Residual
Said = Annotated[ClassResult, Field(discriminator="kind")]
"""What a custodian may say of one data class."""

Result = Annotated[ClassResult | Unaddressable | Waived, Field(discriminator="kind")]
"""What may stand in a plan's line: the above, and the two ends that are ours."""


class Failed(Wire):
    """Could not be done. *error* is the name of an error class, never a message: messages carry data."""

    kind: Literal["failed"] = "failed"
    retryable: bool
    error: str = Field(max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$")


class Rejection(StrEnum):
    """Why a command was not taken up, though it was genuine."""

    UNKNOWN_KEY = "unknown_key"
    UPLOAD = "upload"
    EXPIRED = "expired"
    CONFLICT = "conflict"


class Rejected(Wire):
    """The command cannot be taken up as it stands; a new issue of the same task may."""

    kind: Literal["rejected"] = "rejected"
    reason: Rejection


class Deferred(Wire):
    """Will be done by the date given. A schedule is never a completion."""

    kind: Literal["deferred"] = "deferred"
    until: date


class Manual(Wire):
    """A person at the custodian does it; *ticket* names their work item, nothing about the subject."""

    kind: Literal["manual"] = "manual"
    ticket: str = Field(max_length=64, pattern=r"^[A-Za-z0-9._#-]*$")


class Drifted(Wire):
    """What would be erased is no longer what was previewed: nothing was touched, the approval is void."""

    kind: Literal["drifted"] = "drifted"


class Halted(Wire):
    """The task was stopped before it began, and will never begin."""

    kind: Literal["halted"] = "halted"


TaskOutcome = Annotated[Failed | Rejected | Deferred | Manual | Drifted | Halted, Field(discriminator="kind")]
"""What a custodian may say of a task as a whole, instead of per data class."""
