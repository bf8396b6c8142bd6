"""A custodian over PostgreSQL needs no more rights than its data map names, and no value can become a statement."""

from collections.abc import AsyncIterator
from datetime import date
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from contracts.identifiers import Identifier, IdentifierKind
from custodians.bundled.sql import SqlCustodian, StoreUnavailable
from custodians.sdk import Erase, Holding, Subject
from tests.integration.custodians.test_sql import a_map, found

TODAY = date(2026, 11, 22)
OWNERS = ("c-1", "c'2", 'c"3', "c%4", "c;5 drop table odd", "c_6", "$1", "c\\7", "{c,8}")


@pytest_asyncio.fixture(loop_scope="session")
async def restricted(fresh_database: str, postgres_admin: asyncpg.Connection) -> AsyncIterator[str]:
    """A login that may read and delete what the map names, and nothing else of the table."""
    role = "reader_" + urlsplit(fresh_database).path.strip("/").replace("-", "_")
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("create table odd (id int primary key, owner text, secret text)")
    await connection.executemany(
        "insert into odd values ($1, $2, 'hidden')", [(n, owner) for n, owner in enumerate(OWNERS)]
    )
    await connection.execute(f"create role {role} login password 'r'")
    await connection.execute(f"grant select (id, owner), delete on odd to {role}")
    parts = urlsplit(fresh_database)
    yield parts._replace(netloc=f"{role}:r@{parts.netloc.rpartition('@')[2]}").geturl()
    await connection.execute(f"drop owned by {role}")
    await connection.close()
    await postgres_admin.execute(f"drop role {role}")


def named(value: str) -> Subject:
    return Subject((Identifier(IdentifierKind.CUSTOMER_ID, value),))


async def left(store: str) -> list[str]:
    connection = await asyncpg.connect(store)
    owners = [row["owner"] for row in await connection.fetch("select owner from odd order by id")]
    await connection.close()
    return owners


async def test_any_value_names_its_own_rows_and_no_others(restricted: str, fresh_database: str) -> None:
    async with SqlCustodian.over(a_map("odd"), restricted, today=lambda: TODAY) as custodian:
        for n, owner in enumerate(OWNERS):
            mine = await found(custodian, named(owner))
            assert mine == [Holding(data_class=mine[0].data_class, key=n, fate=Erase())]
            await custodian.erase(mine)
            assert await left(fresh_database) == list(OWNERS[n + 1 :])


async def test_the_rights_named_by_the_map_are_enough_and_a_check_finds_what_is_not_mapped(restricted: str) -> None:
    async with SqlCustodian.over(a_map("odd"), restricted, today=lambda: TODAY) as custodian:
        records = [each async for each in custodian.collect(named("c-1"))]
        assert [dict(each.fields) for each in records] == [{"id": 0, "owner": "c-1"}]
        assert await custodian.misfits() == ["rows: odd.secret is neither handed over nor left out"]


async def test_a_password_that_is_changed_is_tried_later(restricted: str) -> None:
    with pytest.raises(StoreUnavailable):
        async with SqlCustodian.over(a_map("odd"), restricted.replace(":r@", ":other@"), today=lambda: TODAY):
            pass


@pytest.mark.parametrize("type_", ["smallint", "numeric", "citext", "char(4)"])
async def test_numbers_and_texts_of_every_width_are_matched(fresh_database: str, type_: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    if type_ == "citext":
        await connection.execute("create extension citext")
    await connection.execute(f"create table odd (id {type_} primary key, owner {type_})")
    await connection.execute("insert into odd values ('7', '7'), ('8', '8')")
    await connection.close()
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        assert await found(custodian, named("9" * 40)) == []
        assert await found(custodian, named("x")) == []
        rows = await found(custodian, named("7"))
        await custodian.erase(rows)
    assert [str(each).strip() for each in await left(fresh_database)] == ["8"]


async def test_rows_that_came_since_the_list_was_made_are_not_touched(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("create table odd (id int primary key, owner text); insert into odd values (1, 'c-1')")
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        listed = await found(custodian, named("c-1"))
        await connection.execute("insert into odd values (2, 'c-1')")
        await custodian.erase(listed)
        assert [each.key for each in await found(custodian, named("c-1"))] == [2]
    await connection.close()
