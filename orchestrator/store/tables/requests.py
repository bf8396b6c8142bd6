"""Requests: the row, its keys, its identifiers and its plan."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from orchestrator.domain.admission import Standing
from orchestrator.domain.request import TRANSITIONS, Kind, Outcome
from orchestrator.store.tables.columns import binary, document, moment, one_of, text


def _states_of(kind: Kind) -> str:
    listed = ", ".join(f"'{state}'" for state in TRANSITIONS[kind])
    return f"(kind = '{kind}' and state in ({listed}))"


class RequestRow(SQLModel, table=True):
    """One request. Nothing in it says who the person is."""

    __tablename__ = "request"
    __table_args__ = (
        CheckConstraint(" or ".join(_states_of(kind) for kind in Kind), name="state"),
        one_of("outcome", "outcome", Outcome),
        CheckConstraint("state not in ('closed', 'shredded') or outcome is not null", name="closed_has_outcome"),
        UniqueConstraint("id", "opened_by", "verified_by"),  # what an approval points to
        Index("ix_request_wake_at", "wake_at", postgresql_where=sql("wake_at is not null")),  # the clock
        Index("ix_request_open", "due", postgresql_where=sql("state not in ('closed', 'shredded')")),  # by days left
    )
    id: UUID = Field(primary_key=True)
    kind: str = text()
    state: str = text()
    outcome: str | None = text(nullable=True)
    version: int
    regime: str = text()
    received_on: date
    due: date
    opened_by: str = text()
    verified_by: str | None = text(nullable=True)
    search_round: int = 0
    erase_round: int = 0
    probe_round: int = 0
    asking: int = 0
    begun: bool = False
    withdrawn: bool = False
    partial: bool = False
    plan_hash: str | None = text(nullable=True)
    grace_until: datetime | None = moment(nullable=True)
    wake_at: datetime | None = moment(nullable=True)
    blocked_by: str | None = text(nullable=True)
    idempotency_key: str = text(unique=True)
    body_digest: bytes = binary()
    controller: str = text()
    test: bool = False
    opened_at: datetime = moment()
    changed_at: datetime = moment()  # since when it waits for what it waits for; a mere fact leaves it as it is


class RequestKeyRow(SQLModel, table=True):
    """A key pair of a request: destroying the wrapped half makes all that was sealed to it unreadable."""

    __tablename__ = "request_key"
    __table_args__ = (one_of("use", "use", ("link", "reply")),)
    request: UUID = Field(primary_key=True, foreign_key="request.id")
    use: str = text(primary_key=True)
    public: bytes = binary()
    wrapped: bytes | None = binary(nullable=True)
    kek_id: str = text()
    shredded_at: datetime | None = moment(nullable=True)


class IdentifierRow(SQLModel, table=True):
    """An identifier: its value is sealed to the request's link key, `blind` is a keyed index of it."""

    __tablename__ = "identifier"
    __table_args__ = (one_of("standing", "standing", Standing), Index("ix_identifier_blind", "blind"))
    request: UUID = Field(primary_key=True, foreign_key="request.id")
    n: int = Field(primary_key=True)
    kind: str = text()
    sealed: str = text()
    blind: bytes = binary()
    standing: str = text()
    admitted_in: int
    found_by: str | None = text(nullable=True)


class PlanLineRow(SQLModel, table=True):
    """One custodian × data class of a frozen plan, and what was said of it."""

    __tablename__ = "plan_line"
    request: UUID = Field(primary_key=True, foreign_key="request.id")
    custodian: str = text(primary_key=True)
    data_class: str = text(primary_key=True)
    manifest_hash: str = text(refers="manifest.hash")
    required_level: int
    previewed: list[dict[str, object]] = document()
    said: list[dict[str, object]] = document()


class ApprovalRow(SQLModel, table=True):
    """Who signed one asking. Four eyes in the schema: no two of the four may be the same."""

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("first_by <> opened_by and first_by <> verified_by", name="first_is_a_third"),
        CheckConstraint(
            "second_by is null or (second_by <> first_by and second_by <> opened_by and second_by <> verified_by)",
            name="second_is_a_fourth",
        ),
        ForeignKeyConstraint(
            ["request", "opened_by", "verified_by"], ["request.id", "request.opened_by", "request.verified_by"]
        ),
    )
    request: UUID = Field(primary_key=True)
    asking: int = Field(primary_key=True)
    plan_hash: str = text()
    opened_by: str = text()
    verified_by: str = text()
    first_by: str = text()
    first_kid: str = text()
    first_at: datetime = moment()
    first_signature: bytes = binary()
    second_by: str | None = text(nullable=True)
    second_kid: str | None = text(nullable=True)
    second_at: datetime | None = moment(nullable=True)
    second_signature: bytes | None = binary(nullable=True)
    entry: UUID | None = None
    void: bool = False


class ReportRow(SQLModel, table=True):
    """A report of a request: wanted, being built by whoever holds the row's lock, built. Its input is frozen."""

    __tablename__ = "report"
    __table_args__ = (
        one_of("state", "state", ("wanted", "built", "failed")),
        Index("ix_report_wanted", "wanted_at", postgresql_where=sql("state = 'wanted'")),
    )
    request: UUID = Field(primary_key=True, foreign_key="request.id")
    n: int = Field(primary_key=True)
    state: str = text()
    frozen: dict[str, object] = document()
    digest: str | None = text(nullable=True)
    size: int | None = None
    parts: int | None = None
    sealed_key: str | None = text(nullable=True)
    wanted_at: datetime = moment()
    built_at: datetime | None = moment(nullable=True)
