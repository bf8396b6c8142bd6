"""Column types that the tables share."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING  # before the first table: migrations name constraints by it


def text(*, primary_key: bool = False, nullable: bool = False, unique: bool = False, refers: str = "") -> Any:  # noqa: ANN401 - SQLModel's own type
    """A text column, which may refer to a column of another table."""
    keys = [ForeignKey(refers)] if refers else []
    return Field(default=None, sa_column=Column(Text, *keys, primary_key=primary_key, nullable=nullable, unique=unique))


def moment(*, nullable: bool = False) -> Any:  # noqa: ANN401 - SQLModel's own type
    """A point in time, with its zone."""
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


def document(*, nullable: bool = False) -> Any:  # noqa: ANN401 - SQLModel's own type
    """A JSON document."""
    return Field(default=None, sa_column=Column(JSONB, nullable=nullable))


def binary(*, primary_key: bool = False, nullable: bool = False) -> Any:  # noqa: ANN401 - SQLModel's own type
    """Bytes."""
    return Field(default=None, sa_column=Column(LargeBinary, primary_key=primary_key, nullable=nullable))


def one_of(name: str, column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """The closed vocabulary of a column, said to the database too."""
    listed = ", ".join(f"'{each}'" for each in values)
    return CheckConstraint(f"{column} in ({listed})", name=name)
