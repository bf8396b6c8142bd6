"""The append-only log: handed in, numbered, and the erasable details beside it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, Index
from sqlmodel import Field, SQLModel

from orchestrator.store.tables.columns import binary, moment, text


class AuditPendingRow(SQLModel, table=True):
    """An entry that has committed with its cause and is not numbered yet. Writers may only insert."""

    __tablename__ = "audit_pending"
    id: UUID = Field(primary_key=True)
    request: UUID | None = None
    leaf: bytes = binary()
    handed_in_at: datetime = moment()
    place: int = Field(sa_column=Column(BigInteger, Identity(), nullable=False))  # the order within a transaction


class AuditEntryRow(SQLModel, table=True):
    """An entry of the log, numbered without a hole from 0. Its bytes are kept exactly as they will be hashed."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_request", "request"),)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    id: UUID = Field(unique=True)
    request: UUID | None = None
    leaf: bytes = binary()


class AuditDetailRow(SQLModel, table=True):
    """The personal half of an entry: sealed, salted, and erasable without breaking the log."""

    __tablename__ = "audit_detail"
    id: UUID = Field(primary_key=True)
    request: UUID
    salt: bytes = binary()
    sealed: str = text()


class AuditTreeRow(SQLModel, table=True):
    """The one row that says how many entries there are. The notary reads it from here, never from memory."""

    __tablename__ = "audit_tree"
    id: int = Field(primary_key=True)
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
