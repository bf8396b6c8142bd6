"""The schema in a database: the same as the models say, however often it is migrated."""

import asyncpg
from sqlalchemy import text
from sqlmodel import SQLModel

from orchestrator.store import schema
from orchestrator.store.session import connect, transactions
from orchestrator.store.tables import every
from tests.integration.store.databases import migrate

assert every  # the tables, registered

COLUMNS = text("""
    select table_name, column_name, data_type, udt_name, is_nullable, is_identity
    from information_schema.columns where table_schema = 'public' and table_name <> 'alembic_version'
""")
CONSTRAINTS = text("""
    select cast(cast(conrelid as regclass) as text) as of_table, conname, pg_get_constraintdef(oid) as definition
    from pg_constraint where connamespace = cast('public' as regnamespace) and contype <> 'n'
      and conrelid <> coalesce(to_regclass('alembic_version'), 0)
""")
INDEXES = text(
    "select indexname, indexdef from pg_indexes where schemaname = 'public' and tablename <> 'alembic_version'"
)
PARTS = {"columns": COLUMNS, "constraints": CONSTRAINTS, "indexes": INDEXES}


async def shape(url: str) -> dict[str, set[tuple[object, ...]]]:
    """All that the catalog says of the tables."""
    engine = connect(url, pool_size=1)
    async with engine.connect() as connection:
        found = {name: {tuple(row) for row in await connection.execute(query)} for name, query in PARTS.items()}
    await engine.dispose()
    return found


async def test_a_migrated_database_is_what_the_models_say(database: str, fresh_database: str) -> None:
    engine = connect(fresh_database, pool_size=1)
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    await engine.dispose()
    by_models, by_migrations = await shape(fresh_database), await shape(database)
    assert len(by_models["columns"]) > 100
    for part, said in by_models.items():
        assert said ^ by_migrations[part] == set()


async def test_migrating_again_changes_nothing(postgres_admin: asyncpg.Connection, database: str) -> None:
    before = await shape(database)
    assert await migrate(postgres_admin, database) == schema.head()
    assert await shape(database) == before


async def test_a_migrated_database_says_which_revision_it_has(database: str) -> None:
    engine = connect(database, pool_size=1)
    async with transactions(engine)() as tx:
        assert await schema.revision(tx) == schema.head() != ""
    await engine.dispose()
