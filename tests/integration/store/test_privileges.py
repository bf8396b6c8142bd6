"""What each login may do to each table, as the database itself says it; and the log, which nobody may change."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from orchestrator.settings import Role
from orchestrator.store.privileges import GRANTS
from tests.integration.store.databases import as_role, migrate

PRIVILEGES = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
MATRIX = """
    select login, relname as of_table, privilege
    from unnest($1::text[]) as login, unnest($2::text[]) as privilege, pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
      and has_table_privilege(login, oid, privilege)
"""
COLUMNS = """
    select login, attrelid::regclass::text as of_table, privilege, attname
    from unnest($1::text[]) as login, unnest(array['select', 'insert', 'update', 'references']) as privilege,
         pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
      and has_column_privilege(login, attrelid, attnum, privilege)
      and not has_table_privilege(login, attrelid, privilege)
"""
CHANGES = ("update audit_entry set leaf = ''", "delete from audit_entry", "truncate audit_entry")
LOGINS = sorted(GRANTS)


def granted() -> Iterator[tuple[str, str, str, str]]:
    """GRANTS, privilege by privilege: login, table, privilege, and the column if it is for one only."""
    for login, tables in GRANTS.items():
        for table, said in tables.items():
            for privilege, column in re.findall(r"(\w+)(?: \((\w+)\))?", said):
                yield login, table, privilege, column


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


@pytest.fixture
async def owner(database: str) -> AsyncIterator[asyncpg.Connection]:
    """The owner, with one entry in the log."""
    async with connected(database) as connection:
        await connection.execute("insert into audit_entry (seq, id, leaf) values (0, $1, 'a leaf')", uuid4())
        yield connection


def test_every_role_has_a_login_with_grants() -> None:
    assert sorted(role.login for role in Role) == LOGINS


async def test_each_login_may_do_what_is_listed_and_nothing_more(owner: asyncpg.Connection) -> None:
    may = {tuple(row) for row in await owner.fetch(MATRIX, LOGINS, list(PRIVILEGES))}
    assert may == {(login, table, privilege) for login, table, privilege, column in granted() if not column}
    columns = {tuple(row) for row in await owner.fetch(COLUMNS, LOGINS)}
    assert columns == {each for each in granted() if each[3]}


async def test_what_was_granted_by_hand_is_gone_after_the_next_migration(
    owner: asyncpg.Connection, postgres_admin: asyncpg.Connection, database: str
) -> None:
    await owner.execute("grant delete on request to dsar_engine")
    await owner.execute("grant update (leaf) on audit_entry to dsar_notary")
    await migrate(postgres_admin, database)
    assert not await owner.fetchval("select has_table_privilege('dsar_engine', 'request', 'delete')")
    assert not await owner.fetchval("select has_any_column_privilege('dsar_notary', 'audit_entry', 'update')")


async def test_nobody_but_the_owner_may_make_or_own_anything(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch(
        "select login from unnest($1::text[]) as login where has_schema_privilege(login, 'public', 'create')", LOGINS
    )
    owners = await owner.fetch("select distinct pg_get_userbyid(relowner) from pg_class where relname = 'audit_entry'")
    special = await owner.fetch(
        "select rolname from pg_roles where rolname = any($1)"
        " and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)",
        LOGINS,
    )
    assert (rows, special) == ([], [])
    assert [row[0] for row in owners if row[0] in LOGINS] == []


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", Role)
async def test_no_login_may_change_the_log(owner: asyncpg.Connection, database: str, role: Role, change: str) -> None:
    async with connected(as_role(database, role)) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await connection.execute(change)


@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize("change", CHANGES)
async def test_not_even_the_owner_changes_the_log_by_accident(
    owner: asyncpg.Connection, change: str, mode: str
) -> None:
    await owner.execute(f"set session_replication_role = {mode}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await owner.execute(change)
    assert await owner.fetchval("select leaf from audit_entry") == b"a leaf"


async def test_a_writer_cannot_read_back_what_it_handed_in(owner: asyncpg.Connection, database: str) -> None:
    async with connected(as_role(database, Role.ENGINE)) as connection:
        for question in ("select 1 from audit_pending", "select 1 from audit_detail", "select 1 from audit_entry"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(question)
