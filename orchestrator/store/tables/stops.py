"""What is stopped, and what waits for it."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from contracts.command import Lane, Operation
from orchestrator.domain.stops import What, Why
from orchestrator.store.tables.columns import moment, one_of, text


class SwitchRow(SQLModel, table=True):
    """A switch as somebody has left it; one that nobody ever touched has no row, and stops nothing."""

    __tablename__ = "switch"
    __table_args__ = (
        one_of("what", "what", What),
        one_of("why", "why", Why),
        CheckConstraint("scope <> '*' or what = 'erasure'", name="pause_is_of_one"),
    )
    scope: str = text(primary_key=True)
    what: str = text(primary_key=True)
    stopped: bool
    why: str = text()
    ticket: str | None = text(nullable=True)
    by: str = text()
    at: datetime = moment()


class HeldBackRow(SQLModel, table=True):
    """A task whose intent was claimed while a switch stood against it: the intent comes back when that is released."""

    __tablename__ = "held_back"
    __table_args__ = (
        one_of("lane", "lane", Lane),
        one_of("operation", "operation", Operation),
        Index("ix_held_back_custodian", "custodian"),  # a release
    )
    task: UUID = Field(primary_key=True)
    request: UUID
    custodian: str = text()
    lane: str = text()
    operation: str = text()
    round: int
    due: date
    held_at: datetime = moment()
