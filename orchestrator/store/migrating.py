"""Bringing the schema up to date, as the owner, in a job of its own: nothing else loads what migrates."""

from collections.abc import Mapping, Sequence
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.privileges import DENIED, GRANTS
from orchestrator.store.schema import MIGRATIONS, VERSION
from orchestrator.store.session import connect

ONE_AT_A_TIME: Final = text("select pg_advisory_xact_lock(7236000)")
LOCK_TIMEOUT: Final = text("set local lock_timeout = '5s'")


async def migrate(owner_url: str, passwords: Mapping[str, str]) -> str:
    """Bring the database up to date and give each login its password and its privileges; return the revision.

    Safe to repeat. *passwords* by login; a login without one is granted to, and must exist.
    """
    engine = connect(owner_url, pool_size=1)
    try:
        async with engine.begin() as connection:
            await connection.execute(LOCK_TIMEOUT)
            await connection.execute(ONE_AT_A_TIME)
            await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))
            await _run(connection, DENIED)
            for login, grants in GRANTS.items():
                await _login(connection, login, passwords.get(login))
                await _grant(connection, login, grants)
            revision: str = (await connection.execute(VERSION)).scalar_one()
    finally:
        await engine.dispose()
    return revision


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


async def _login(connection: AsyncConnection, login: str, password: str | None) -> None:
    known = await connection.execute(text("select 1 from pg_roles where rolname = :login"), {"login": login})
    if known.scalar_one_or_none() is None:
        await connection.execute(text(f"create role {login} login"))
    if password is not None:
        quoted = await connection.execute(text("select quote_literal(:password)"), {"password": password})
        await connection.execute(text(f"alter role {login} password {quoted.scalar_one()}"))


async def _grant(connection: AsyncConnection, login: str, grants: Mapping[str, str]) -> None:
    await connection.execute(text(f"revoke all on all tables in schema public from {login}"))
    await connection.execute(text(f"grant usage on schema public to {login}"))
    for table, privileges in grants.items():
        await connection.execute(text(f"grant {privileges} on {table} to {login}"))


async def _run(connection: AsyncConnection, script: Sequence[str]) -> None:
    for statement in script:
        await connection.execute(text(statement))
