"""Which generation of the tables this is, and what was answered to commands that an older one forgot."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel

from orchestrator.store.tables.columns import binary, moment, text


class RecoveryRow(SQLModel, table=True):
    """A generation: the first with the schema, each further one with a restored backup. The newest counts."""

    __tablename__ = "recovery"
    generation: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    log: UUID  # of this log, in every generation: tells its own outside file from that of another database
    at: datetime = moment()
    backup_at: datetime | None = moment(nullable=True)
    alarm_at: datetime | None = moment(nullable=True)  # since when the notary knows of more entries than there are


class LostAnswerRow(SQLModel, table=True):
    """A signed answer to a command that a restored backup forgot. It refers to nothing: there may be nothing."""

    __tablename__ = "lost_answer"
    task: UUID = Field(primary_key=True)
    issue_no: int = Field(primary_key=True)
    digest: str = text(primary_key=True)
    request: UUID
    custodian: str = text()
    signed: bytes = binary()
    kid: str = text()
    received_at: datetime = moment()
