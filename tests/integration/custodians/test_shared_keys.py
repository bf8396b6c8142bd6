"""A key that stands for more than one row: the others may be somebody else's, so nothing is erased by it."""

from datetime import date

import asyncpg
import pytest

from contracts.ids import DataClass
from custodians.bundled import datamap
from custodians.bundled.sql import SqlCustodian
from custodians.samples import databases
from custodians.sdk import Erase, Holding
from tests.integration.custodians.test_sql import BRUNO, a_map, by, everything, found, sample

TODAY = date(2026, 11, 22)


async def odd_rows(store: str, *statements: str) -> None:
    connection = await asyncpg.connect(store)
    for each in ("create table odd (id int, owner text)", *statements):
        await connection.execute(each)
    await connection.close()


async def test_a_key_that_several_rows_share_erases_none_of_them(fresh_database: str) -> None:
    await databases.seed_user_profiles(fresh_database)
    by_city = sample("user-profiles")
    classes = tuple(
        each.model_copy(update={"key": "city"}) if each.name == "profile" else each for each in by_city.classes
    )
    async with SqlCustodian.over(
        by_city.model_copy(update={"classes": classes}), fresh_database, today=lambda: TODAY
    ) as custodian:
        before = await everything(fresh_database, "customer")
        holdings = await found(custodian, by(email=BRUNO.email))
        with pytest.raises(datamap.KeyNotUnique):
            await custodian.erase([each for each in holdings if each.data_class == "profile"])
        assert await everything(fresh_database, "customer") == before


async def test_a_row_that_is_gone_does_not_hide_another_that_is_there_twice(fresh_database: str) -> None:
    await odd_rows(fresh_database, "insert into odd values (2, 'mine'), (2, 'a stranger')")
    before = await everything(fresh_database, "odd")
    work_list = [Holding(data_class=DataClass("rows"), key=key, fate=Erase()) for key in (1, 2)]
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        with pytest.raises(datamap.KeyNotUnique):
            await custodian.erase(work_list)
    assert await everything(fresh_database, "odd") == before


@pytest.mark.parametrize(
    ("index", "is_misfit"),
    [
        ("create unique index on odd (id)", False),
        ("create index on odd (id)", True),
        ("create unique index on odd (id, owner)", True),
        ("create unique index on odd (id) where owner is not null", True),
    ],
)
async def test_a_check_finds_a_key_that_nothing_keeps_unique(fresh_database: str, index: str, is_misfit: bool) -> None:
    await odd_rows(fresh_database, index)
    async with SqlCustodian.over(a_map("odd"), fresh_database, today=lambda: TODAY) as custodian:
        said = await custodian.misfits()
    assert said == ["rows: nothing keeps odd.id unique, so erasing by it may meet other people's rows"] * is_misfit
