"""Migrated databases: one is made for a run, every test gets a copy; each login has a password of these tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy import make_url

from orchestrator.embedded.ports import choose_port
from orchestrator.settings import Role
from orchestrator.store import migrating
from tests.crash.proxy import Proxy, is_commit
from tests.integration import shared

ROLES_OF_THE_CLUSTER = 7236002
"""Logins belong to the whole server: two workers that migrate at once would both create them."""
PASSWORD = "of-the-tests"
PASSWORDS = {role.login: PASSWORD for role in Role}


async def migrate(admin: asyncpg.Connection, url: str) -> str:
    await admin.execute(f"select pg_advisory_lock({ROLES_OF_THE_CLUSTER})")
    try:
        return await migrating.migrate(url, PASSWORDS)
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


@asynccontextmanager
async def behind_a_proxy(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """Something between us and the database that can fall silent."""
    direct = make_url(url)
    proxy = Proxy(choose_port(), direct.port or 5432, is_commit)
    await proxy.start()
    try:
        yield proxy, direct.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    finally:
        await proxy.stop()
