"""A leaf of the log: the exact bytes that stand for one fact, and reading them back. Nothing personal is in them."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID

import rfc8785
from pydantic import BaseModel, ConfigDict, Field

from contracts.ids import CustodianId, EventId, RequestId
from orchestrator.domain.events import Entry, Event, Fact, Facts

LEAF_VERSION: Final = 1
MAX_LEAF_BYTES: Final = 65_535
"""What an entry bundle can hold: its lengths are unsigned 16-bit numbers (C2SP tlog-tiles)."""

SALT_BYTES: Final = 32
HEX_DIGEST: Final = r"^[0-9a-f]{64}$"


class BrokenLeaf(ValueError):
    """The bytes are no leaf that this program writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One fact as the log tells it. *version* is the request's, after the fact; 0 where no request is meant."""

    id: EventId
    event: Event
    at: datetime
    request: RequestId | None
    version: int
    actor: str
    custodian: CustodianId | None
    facts: Facts
    causes: tuple[EventId, ...]
    commitment: bytes | None


def commitment(salt: bytes, detail: str) -> bytes:
    """Commit to a personal detail under a salt of its own: once both are erased nobody can tell what it was."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hmac.digest(salt, detail.encode(), "sha256")


def leaf_bytes(entry: Entry, commitment: bytes | None) -> bytes:
    """Return the bytes to store and hash, RFC 8785. The same entry gives the same bytes, for ever.

    Raises `ValueError` for an entry that no leaf can hold, or one whose time has no zone.
    """
    if entry.at.tzinfo is None:
        raise ValueError("the time of an entry has a zone")
    data = rfc8785.dumps(
        {
            "v": LEAF_VERSION,
            "id": str(entry.id),
            "type": entry.event.value,
            "at": _told(entry.at),
            "request": str(entry.request) if entry.request else None,
            "n": entry.version,
            "actor": entry.actor,
            "custodian": entry.custodian,
            "facts": entry.facts,
            "causes": [str(cause) for cause in entry.causes],
            "c": commitment.hex() if commitment is not None else None,
        }
    )
    if len(data) > MAX_LEAF_BYTES:
        raise ValueError(f"a leaf holds at most {MAX_LEAF_BYTES} bytes")
    return data


def parse(data: bytes) -> Leaf:
    """Read a leaf; raise `BrokenLeaf` for any byte that `leaf_bytes` would not have written."""
    try:
        read = _Read.model_validate_json(data)
        canonical = rfc8785.dumps(read.model_dump(mode="json"))
        at = datetime.fromisoformat(read.at)
    except ValueError:  # also what pydantic and rfc8785 raise; without their text, which shows the input
        raise BrokenLeaf("not a leaf of this version") from None
    if canonical != data:
        raise BrokenLeaf("not the canonical bytes of a leaf")
    return Leaf(
        id=EventId(read.id),
        event=read.type,
        at=at,
        request=RequestId(read.request) if read.request else None,
        version=read.n,
        actor=read.actor,
        custodian=CustodianId(read.custodian) if read.custodian is not None else None,
        facts=read.facts,
        causes=tuple(EventId(cause) for cause in read.causes),
        commitment=bytes.fromhex(read.c) if read.c is not None else None,
    )


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)
    v: Literal[1]
    id: UUID
    type: Event
    at: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$")
    request: UUID | None
    n: int = Field(ge=0)
    actor: str
    custodian: str | None
    facts: Mapping[str, Fact]
    causes: list[UUID]
    c: str | None = Field(pattern=HEX_DIGEST)


def _told(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
