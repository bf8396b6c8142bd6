"""The custodian of a PostgreSQL database, on a real one: what its map says is what it finds, hands over and erases."""

import sys
from collections.abc import AsyncIterator, Mapping
from datetime import date
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from contracts.identifiers import Identifier, IdentifierKind
from contracts.results import Ground
from custodians import plugins
from custodians.bundled import datamap
from custodians.bundled.datamap import SqlMap
from custodians.bundled.sql import SqlCustodian, StoreUnavailable
from custodians.samples import databases
from custodians.samples.people import ERASURE, everybody, person
from custodians.samples.user_profiles import PROFILE, UserProfiles
from custodians.sdk import Custodian, DataClass, Erase, Holding, Retain, Subject

TODAY = date(2026, 11, 22)
BRUNO = person(1)


def by(**known: str) -> Subject:
    return Subject(tuple(Identifier(IdentifierKind(kind), value) for kind, value in known.items()))


def sample(name: str) -> SqlMap:
    found = plugins.data_map(name)
    assert isinstance(found, SqlMap)
    return found


async def found(custodian: Custodian, subject: Subject) -> list[Holding]:
    return [each async for each in custodian.find(subject)]


def counted(holdings: list[Holding]) -> Mapping[tuple[str, type], int]:
    kinds = [(each.data_class, type(each.fate)) for each in holdings]
    return {kind: kinds.count(kind) for kind in kinds}


async def everything(store: str, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = await asyncpg.connect(store)
    rows = {
        table: [tuple(row) for row in await connection.fetch(f"select * from {table} order by 1")] for table in tables
    }
    await connection.close()
    return rows


@pytest_asyncio.fixture(loop_scope="session")
async def profiles(fresh_database: str) -> AsyncIterator[SqlCustodian]:
    await databases.seed_user_profiles(fresh_database)
    async with SqlCustodian.over(sample("user-profiles"), fresh_database, today=lambda: TODAY) as custodian:
        yield custodian


@pytest_asyncio.fixture(loop_scope="session")
async def transactions(fresh_database: str) -> AsyncIterator[SqlCustodian]:
    await databases.seed_transaction_history(fresh_database)
    async with SqlCustodian.over(sample("transaction-history"), fresh_database, today=lambda: TODAY) as custodian:
        yield custodian


async def test_seeding_again_adds_nothing(fresh_database: str) -> None:
    first = await databases.seed_user_profiles(fresh_database)
    again = await databases.seed_user_profiles(fresh_database)
    assert [each.added for each in first] == [each.of for each in first]
    assert [each.added for each in again] == [0, 0]


async def test_the_maps_of_the_samples_fit_their_stores(profiles: SqlCustodian, transactions: SqlCustodian) -> None:
    assert await profiles.misfits() == []
    assert await transactions.misfits() == []


async def test_an_address_leads_to_the_customer_and_the_devices(profiles: SqlCustodian) -> None:
    assert set(await profiles.resolve(by(email=ERASURE))) == {
        Identifier(IdentifierKind.CUSTOMER_ID, BRUNO.customer),
        *(Identifier(IdentifierKind.DEVICE_ID, device.id) for device in BRUNO.devices),
    }


async def test_an_address_is_found_in_any_case(profiles: SqlCustodian, fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("update customer set email = upper(email)")
    await connection.close()
    assert {each.data_class for each in await found(profiles, by(email=ERASURE))} == {"profile", "devices"}


async def test_find_and_collect_name_the_same_records(profiles: SqlCustodian) -> None:
    records = [each async for each in profiles.collect(by(email=ERASURE))]
    assert [(each.data_class, each.key) for each in records] == [
        (each.data_class, each.key) for each in await found(profiles, by(email=ERASURE))
    ]


async def test_a_password_is_not_handed_over(profiles: SqlCustodian) -> None:
    records = [each async for each in profiles.collect(by(email=ERASURE))]
    assert not any("password_hash" in each.fields for each in records)
    assert any(each.fields.get("name") == BRUNO.name for each in records)


async def test_nobody_is_found_by_an_empty_subject(profiles: SqlCustodian) -> None:
    assert await found(profiles, Subject(())) == []
    assert set(await profiles.resolve(Subject(()))) == set()


@pytest.mark.parametrize("value", ["%", "' or true --", "c-100", "C-1002"])
async def test_a_value_is_a_value_and_no_pattern(profiles: SqlCustodian, value: str) -> None:
    assert await found(profiles, by(customer_id=value)) == []


async def test_an_erasure_takes_one_person_and_leaves_all_others(profiles: SqlCustodian, fresh_database: str) -> None:
    before = await everything(fresh_database, "customer", "device")
    mine = await found(profiles, by(email=ERASURE))
    await profiles.erase(mine)
    await profiles.erase(mine)
    after = await everything(fresh_database, "customer", "device")
    assert after["customer"] == [row for row in before["customer"] if row[0] != BRUNO.customer]
    assert after["device"] == [row for row in before["device"] if row[1] != BRUNO.customer]
    assert await found(profiles, by(email=ERASURE, customer_id=BRUNO.customer)) == []


async def test_rows_that_belong_to_others_go_before_them(profiles: SqlCustodian, fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(
        "alter table device drop constraint device_customer_fkey, add foreign key (customer) references customer"
    )
    await connection.close()
    mine = await found(profiles, by(email=ERASURE))
    assert [each.data_class for each in mine] == ["devices"] * len(BRUNO.devices) + ["profile"]
    await profiles.erase(list(reversed(mine)))
    assert await found(profiles, by(email=ERASURE, device_id=BRUNO.devices[0].id)) == []


async def test_invoices_are_kept_for_ten_years_and_orders_are_not(transactions: SqlCustodian) -> None:
    holdings = [each for one in everybody() for each in await found(transactions, by(customer_id=one.customer))]
    kinds = counted(holdings)
    assert kinds[DataClass("orders"), Erase] > 100
    assert kinds[DataClass("invoices"), Retain] > 50
    assert kinds[DataClass("invoices"), Erase] > 10
    assert (DataClass("orders"), Retain) not in kinds
    for each in holdings:
        if each.data_class == "invoices":
            issued = int(str(each.key).split("-")[1])
            kept = Retain(Ground.LEGALLY_REQUIRED, date(issued + 10, 12, 31))
            assert each.fate == (kept if issued + 10 >= TODAY.year else Erase())


async def test_both_people_of_the_demo_hold_something_of_every_class(transactions: SqlCustodian) -> None:
    for n in (0, 1):
        kinds = counted(await found(transactions, by(customer_id=person(n).customer)))
        assert {(DataClass("orders"), Erase), (DataClass("invoices"), Retain)} <= set(kinds)


async def test_the_class_written_by_hand_says_the_same_as_the_map(profiles: SqlCustodian, fresh_database: str) -> None:
    async with UserProfiles.opened(fresh_database) as by_hand:
        for one in everybody()[:10]:
            subject = by(email=one.email)
            assert set(await by_hand.resolve(subject)) == set(await profiles.resolve(subject))
            mapped = [each async for each in profiles.collect(subject) if each.data_class == PROFILE]
            assert [each async for each in by_hand.collect(subject)] == mapped
        await by_hand.erase(await found(by_hand, by(email=ERASURE)))
    assert await found(profiles, by(email=ERASURE, customer_id=BRUNO.customer)) == []
    assert (await everything(fresh_database, "device"))["device"]


def a_map(table: str, **more: object) -> SqlMap:
    each = {
        "name": "rows",
        "label": "Rows",
        "table": table,
        "key": "id",
        "columns": ["id", "owner"],
        "match": {"customer_id": "owner"},
        "level": 1,
        **more,
    }
    found = datamap.parse({"store": "sql", "id": "rows", "owner": "Tests", "needs": ["customer_id"], "classes": [each]})
    assert isinstance(found, SqlMap)
    return found


@pytest.mark.parametrize("type_", ["text", "varchar(40)", "int", "bigint", "uuid"])
async def test_columns_of_any_key_type_are_matched_and_what_does_not_fit_matches_nothing(
    fresh_database: str, type_: str
) -> None:
    mine = "11111111-1111-1111-1111-111111111111" if type_ == "uuid" else "7"
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(f"create table odd (id {type_} primary key, owner {type_})")
    await connection.execute(f"insert into odd values ('{mine}', '{mine}')")
    await connection.close()
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        assert await found(custodian, by(customer_id="x" * 100)) == []
        assert await found(custodian, by(customer_id="9" * 30)) == []
        rows = await found(custodian, by(customer_id=mine))
        assert [str(each.key) for each in rows] == [mine]
        await custodian.erase(rows)
        assert await found(custodian, by(customer_id=mine)) == []


async def test_misfits_name_what_is_missing_and_what_nobody_decided_on(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("create table odd (id text primary key, secret text)")
    await connection.close()
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        assert await custodian.misfits() == [
            "rows: odd has no column owner",
            "rows: odd.secret is neither handed over nor left out",
        ]
    async with SqlCustodian.over(a_map("nowhere"), fresh_database, today=lambda: TODAY) as custodian:
        assert await custodian.misfits() == ["rows: there is no table nowhere"]


async def test_a_lock_that_is_held_is_tried_later(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custodians.bundled.sql.LOCK_TIMEOUT", "set local lock_timeout = '50ms'")
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("create table odd (id text primary key, owner text); insert into odd values ('1', 'c-1')")
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        rows = await found(custodian, by(customer_id="c-1"))
        async with connection.transaction():
            await connection.execute("select from odd for update")
            with pytest.raises(StoreUnavailable):
                await custodian.erase(rows)
    await connection.close()


async def test_a_store_that_is_away_is_tried_later() -> None:
    with pytest.raises(StoreUnavailable):
        async with SqlCustodian.over(a_map("odd"), "postgresql://nobody@127.0.0.1:1/x", today=lambda: TODAY):
            pass


async def test_a_table_that_is_altered_meanwhile_is_read_at_the_next_try(
    profiles: SqlCustodian, fresh_database: str
) -> None:
    subject = by(email=BRUNO.email)
    before = [each async for each in profiles.collect(subject)]
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("alter table device alter column last_seen_on type timestamptz")
    await connection.execute("alter table customer alter column id type varchar(40)")
    await connection.close()
    with pytest.raises(StoreUnavailable):
        [each async for each in profiles.collect(subject)]
    assert len([each async for each in profiles.collect(subject)]) == len(before)


async def test_a_million_rows_are_read_in_flat_memory(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(
        "create unlogged table odd as select n as id, 'c-1' as owner from generate_series(1, 1000000) as n"
    )
    await connection.close()
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        before = sys.getallocatedblocks()
        count, most = 0, 0
        async for _ in custodian.find(by(customer_id="c-1")):
            count += 1
            if count % 50_000 == 0:
                most = max(most, sys.getallocatedblocks() - before)
    assert count == 1_000_000
    assert most < 100_000  # a few pages of rows, not a tenth of them
