"""Which schema the database has, and which one this code expects."""

from importlib import resources
from typing import Final

from sqlalchemy import text

from orchestrator.store.session import Transaction

MIGRATIONS: Final = resources.files("orchestrator.store").joinpath("migrations")
VERSION: Final = text("select version_num from alembic_version")


def head() -> str:
    """The revision that this code expects: the number in the name of the last migration."""
    return max(each.name.partition("_")[0] for each in MIGRATIONS.joinpath("versions").iterdir()).removeprefix("v")


async def revision(tx: Transaction) -> str | None:
    """The revision that the database has."""
    return (await tx.connection.execute(VERSION)).scalar_one_or_none()
