"""Migrated databases: one is made for a run, every test gets a copy; each login has a password of these tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import make_url

from orchestrator.settings import Role
from orchestrator.store import schema
from tests.integration import shared

ROLES_OF_THE_CLUSTER = 7236002
"""Logins belong to the whole server: two workers that migrate at once would both create them."""
PASSWORD = "of-the-tests"
PASSWORDS = {role.login: PASSWORD for role in Role}


async def migrate(admin: asyncpg.Connection, url: str) -> str:
    await admin.execute(f"select pg_advisory_lock({ROLES_OF_THE_CLUSTER})")
    try:
        return await schema.migrate(url, PASSWORDS)
    finally:
        await admin.execute(f"select pg_advisory_unlock({ROLES_OF_THE_CLUSTER})")


@asynccontextmanager
async def migrated(admin: asyncpg.Connection, url: str) -> AsyncIterator[str]:
    """A migrated database, gone when the block ends."""
    made = await shared.create_database(admin, url)
    await migrate(admin, made)
    yield made
    await shared.drop_database(admin, made)


@asynccontextmanager
async def copied(admin: asyncpg.Connection, template: str) -> AsyncIterator[str]:
    """A copy of *template*, to which nobody may be connected, gone when the block ends."""
    made = await shared.create_database(admin, template, template=make_url(template).database or "")
    yield made
    await shared.drop_database(admin, made)


def as_role(url: str, role: Role) -> str:
    """The same database, logged in as *role*."""
    return make_url(url).set(username=role.login, password=PASSWORD).render_as_string(hide_password=False)
