"""The manifest: what a custodian declares about itself. A signed file that an admin admits; not on Kafka."""

from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.ids import CustodianId, DataClass
from contracts.results import Level
from contracts.wire import CLASS_NAME, CONTRACT_VERSION, LINE, NAME, Number, Version, Wire

LagDays = Annotated[int, Field(ge=0, le=36_500)]
"""A lag in days; a century is for ever."""


class Link(StrEnum):
    """How surely an identifier that this custodian finds belongs to the same person."""

    EXACT = "exact"  # an account's own key
    SHARED = "shared"  # a household, a company, a device in many hands


class Provides(Wire):
    """A kind of identifier that the custodian can find from the kinds that it needs."""

    kind: IdentifierKind
    link: Link


class Claims(Wire):
    """An operation that the custodian performs, and how long it may take."""

    operation: Operation
    time_limit_s: Number = 600
    max_in_flight: Number = 10


class ClassDeclared(Wire):
    """A data class, in the words the person will read, and what an erasure of it must reach."""

    name: DataClass = Field(pattern=CLASS_NAME)
    label: str = Field(max_length=80, pattern=LINE)
    categories: tuple[Annotated[str, Field(pattern=LINE)], ...] = ()
    purpose: str = Field(default="", pattern=LINE)
    basis: str = Field(default="", pattern=LINE)
    retention: str = Field(default="", pattern=LINE)
    required_level: Level = Level.INVISIBLE
    physical_lag_days: LagDays = 0
    backups_lag_days: LagDays | None = None
    third_party: bool = False

    @property
    def physical_lag(self) -> timedelta:
        """How long after the erasure the bytes are certainly gone."""
        return timedelta(days=self.physical_lag_days)


class KeyUse(StrEnum):
    """What a key is for."""

    SIGN = "sign"  # Ed25519
    SEAL = "seal"  # X25519


class KeyDeclared(Wire):
    """A public key of the custodian: base64 of its 32 raw bytes; the kid follows from them."""

    use: KeyUse
    public: str


class Manifest(Wire):
    """Who owns what, asked by what, under which keys. Its hash is frozen into every plan that counts on it."""

    v: Version = CONTRACT_VERSION
    id: CustodianId = Field(pattern=NAME)
    owner: str = Field(max_length=120, pattern=LINE)
    on_call: str = Field(default="", max_length=120, pattern=LINE)
    runbook: str = Field(default="", max_length=200, pattern=LINE)
    operations: tuple[Claims, ...] = Field(min_length=1)
    needs: tuple[IdentifierKind, ...] = Field(min_length=1)
    provides: tuple[Provides, ...] = ()
    classes: tuple[ClassDeclared, ...] = Field(min_length=1)
    replay: Literal["reapply", "erased_keys", "none"] = "none"
    contracts: tuple[int, int] = (CONTRACT_VERSION, CONTRACT_VERSION)
    keys: tuple[KeyDeclared, ...] = ()

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        for names in ([each.name for each in self.classes], [each.operation for each in self.operations]):
            if len(set(names)) != len(names):
                raise ValueError("a data class or an operation is declared twice")
        return self

    @property
    def hash(self) -> str:
        """SHA-256 of the manifest's bytes, hex."""
        return sha256(self.to_bytes()).hexdigest()

    def can(self, operation: Operation) -> bool:
        """Whether the custodian claims *operation*."""
        return any(each.operation is operation for each in self.operations)
