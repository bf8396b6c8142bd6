"""The command: one asking of one operation of one request, to all its recipients; and each recipient's sealed slice."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import Field, model_validator

from contracts.identifiers import IdentifierKind
from contracts.ids import CommandId, CustodianId, DataClass, RequestId, TaskId
from contracts.wire import (
    CLASS_NAME,
    COMPACT,
    CONTRACT_VERSION,
    KID,
    NAME,
    WORD,
    Count,
    Number,
    Seconds,
    Version,
    Wire,
)


class Operation(StrEnum):
    """What a command asks for."""

    COLLECT = "collect"
    PREVIEW = "preview"
    ERASE = "erase"
    PROBE = "probe"
    HALT = "halt"


class Lane(StrEnum):
    """A pair of topic and command key. A key of one lane can never order an operation of the other."""

    ACCESS = "access"
    ERASURE = "erasure"


LANE_OF: Final[Mapping[Operation, Lane]] = MappingProxyType(
    {
        Operation.COLLECT: Lane.ACCESS,
        Operation.PREVIEW: Lane.ACCESS,
        Operation.PROBE: Lane.ACCESS,
        Operation.ERASE: Lane.ERASURE,
        Operation.HALT: Lane.ERASURE,
    }
)


class SealedSlice(Wire):
    """One recipient's part of a command: a compact JWE that only *to* can open."""

    to: CustodianId = Field(pattern=NAME)
    task_id: TaskId
    issue_no: Number
    kid: str = Field(pattern=KID)
    jwe: str = Field(repr=False, pattern=COMPACT)


class ApprovalProof(Wire):
    """On whose authority an erase runs: the plan, the digests of both signatures over it, and the log entry."""

    plan_hash: str
    signatures: tuple[str, str]
    entry: UUID


class Command(Wire):
    """Signed by the lane's dispatcher, read by all custodians, acted on by those with a slice.

    `link_key` and `reply_key` are X25519 public keys, base64url: found identifiers are sealed to the first,
    content keys and notes to the second. `iat` and `exp` are seconds since the epoch.
    """

    v: Version = CONTRACT_VERSION
    environment: str = Field(pattern=WORD)
    command_id: CommandId
    request_id: RequestId
    operation: Operation
    round: Number
    plan_hash: str | None = None
    iat: Seconds
    exp: Seconds
    due: date
    link_key: str
    reply_key: str
    test: bool = False
    approval: ApprovalProof | None = None
    slices: tuple[SealedSlice, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len({each.to for each in self.slices}) != len(self.slices):
            raise ValueError("a recipient is named twice")
        return self


class SliceIdentifier(Wire):
    """An identifier of the person, and where it comes from: verified, or found by the custodian named."""

    kind: IdentifierKind
    value: str = Field(repr=False)
    found_by: CustodianId | None = None


class UploadGrant(Wire):
    """The right to upload the parts of this issue, once: `PUT {url}/{n}` with the bearer, up to *max_bytes* in all.

    Small parts, of other issues too, may be sent together, as a bundle: by `POST` to `bundle_url`, if there is one.
    """

    url: str
    bearer: str = Field(repr=False)
    max_bytes: Number
    exp: Seconds
    bundle_url: str | None = None


class Slice(Wire):
    """What a recipient reads. It repeats what the envelope says, and the worker compares: else it could be moved."""

    task_id: TaskId
    issue_no: Number
    command_id: CommandId
    operation: Operation
    recipient: CustodianId
    identifiers: tuple[SliceIdentifier, ...] = Field(repr=False)
    classes: tuple[Annotated[DataClass, Field(pattern=CLASS_NAME)], ...]
    grant: UploadGrant | None = None
    preview: Mapping[DataClass, Count] = Field(default_factory=dict)
