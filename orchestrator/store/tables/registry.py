"""Who takes part: custodians with their manifests, keys and heartbeats; staff with their roles and tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from orchestrator.store.tables.columns import binary, document, moment, one_of, text


class ManifestRow(SQLModel, table=True):
    """A manifest as it was signed. Never changed: plans point to its hash."""

    __tablename__ = "manifest"
    hash: str = text(primary_key=True)
    custodian: str = text()
    body: bytes = binary()
    signature: str = text()


class CustodianRow(SQLModel, table=True):
    """A custodian and the manifest that counts for new plans."""

    __tablename__ = "custodian"
    id: str = text(primary_key=True)
    manifest_hash: str = text(refers="manifest.hash")
    admitted_at: datetime = moment()
    admitted_by: str = text()
    disabled_at: datetime | None = moment(nullable=True)


class CustodianKeyRow(SQLModel, table=True):
    """A public key of a custodian."""

    __tablename__ = "custodian_key"
    __table_args__ = (one_of("use", "use", ("sign", "seal")),)
    kid: str = text(primary_key=True)
    custodian: str = text(refers="custodian.id")
    use: str = text()
    public: bytes = binary()
    not_before: datetime = moment()
    retire_after: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)


class HeartbeatRow(SQLModel, table=True):
    """The last heartbeat of a worker."""

    __tablename__ = "heartbeat"
    custodian: str = text(primary_key=True)
    worker: str = text(primary_key=True)
    heard_at: datetime = moment()
    body: dict[str, object] = document()


class StaffRow(SQLModel, table=True):
    """A member of staff, by a pseudonym: the name is elsewhere and can be pruned."""

    __tablename__ = "staff"
    id: str = text(primary_key=True)
    roles: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    added_at: datetime = moment()
    disabled_at: datetime | None = moment(nullable=True)


class StaffNameRow(SQLModel, table=True):
    """Who a pseudonym is."""

    __tablename__ = "staff_name"
    staff: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = text()


class ApiTokenRow(SQLModel, table=True):
    """A bearer token, of which only the SHA-256 is kept."""

    __tablename__ = "api_token"
    hash: bytes = binary(primary_key=True)
    staff: str = text(refers="staff.id")
    made_at: datetime = moment()
    expires_at: datetime = moment()
    revoked_at: datetime | None = moment(nullable=True)


class DeadLetterRow(SQLModel, table=True):
    """A dead letter that somebody has dealt with; the letters themselves lie on their topic."""

    __tablename__ = "dead_letter"
    partition: int = Field(primary_key=True)
    offset: int = Field(primary_key=True)
    decision: str = text()
    by: str = text()
    at: datetime = moment()
    event: UUID
