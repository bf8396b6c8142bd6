"""Tasks: what custodians were asked, how often it was sent, what they answered and uploaded; and the outbox."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Identity, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid
from sqlmodel import Field, SQLModel

from contracts.command import Lane, Operation
from orchestrator.domain.task import TaskState
from orchestrator.store.tables.columns import binary, document, moment, one_of, text


class TaskRow(SQLModel, table=True):
    """One asking of one operation at one custodian."""

    __tablename__ = "task"
    __table_args__ = (
        one_of("state", "state", TaskState),
        one_of("operation", "operation", Operation),
        CheckConstraint("operation <> 'erase' or asking is not null", name="erase_has_approval"),
        ForeignKeyConstraint(["request", "asking"], ["approval.request", "approval.asking"]),
        UniqueConstraint("request", "custodian", "operation", "round"),
        Index("ix_task_wake_at", "wake_at", postgresql_where=sql("wake_at is not null")),  # the clock
        Index("ix_task_open", "custodian", postgresql_where=sql("state in ('issued', 'halt_requested')")),  # a return
    )
    id: UUID = Field(primary_key=True)
    request: UUID = Field(foreign_key="request.id")
    custodian: str = text()
    operation: str = text()
    round: int
    state: str = text()
    asking: int | None = None
    result: list[dict[str, object]] = document()
    answered_by: str | None = text(nullable=True)
    error: str | None = text(nullable=True)
    wake_at: datetime | None = moment(nullable=True)
    since: datetime = moment()


class IssueRow(SQLModel, table=True):
    """One numbered sending of a task."""

    __tablename__ = "issue"
    task: UUID = Field(primary_key=True, foreign_key="task.id")
    no: int = Field(primary_key=True)
    command: UUID
    operation: str = text()
    issued_at: datetime = moment()
    expires_at: datetime = moment()
    sent_at: datetime | None = moment(nullable=True)
    digest: str | None = text(nullable=True)
    bearer_hash: bytes | None = binary(nullable=True)


class AnswerRow(SQLModel, table=True):
    """The inbox: an answer filed twice is filed once."""

    __tablename__ = "answer"
    __table_args__ = (Index("ix_answer_request", "request"),)
    task: UUID = Field(primary_key=True, foreign_key="task.id")
    issue_no: int = Field(primary_key=True)
    digest: str = text(primary_key=True)
    request: UUID
    signed: bytes = binary()
    kid: str = text()
    received_at: datetime = moment()


class PartRow(SQLModel, table=True):
    """An uploaded part: there is a row only once its bytes are stored whole."""

    __tablename__ = "part"
    task: UUID = Field(primary_key=True)
    issue_no: int = Field(primary_key=True)
    n: int = Field(primary_key=True)
    data_class: str = text()
    digest: str = text()
    size: int
    stored_at: datetime = moment()
    __table_args__ = (ForeignKeyConstraint(["task", "issue_no"], ["issue.task", "issue.no"]),)


class OutboxRow(SQLModel, table=True):
    """What shall be sent, without content. To claim a row is to delete it."""

    __tablename__ = "outbox"
    __table_args__ = (
        one_of("lane", "lane", Lane),
        Index("ix_outbox_lane", "lane", "due", "id"),  # claimed earliest due date first
    )
    id: int = Field(sa_column=Column(BigInteger, Identity(), primary_key=True))
    lane: str = text()
    request: UUID
    operation: str = text()
    round: int
    tasks: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    due: date
    made_at: datetime = moment()
