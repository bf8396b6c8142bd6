"""A custodian whose store says nothing more, on a connection that looks alive."""

import asyncio

import pytest

from custodians.bundled import sql
from custodians.bundled.sql import SqlCustodian, StoreUnavailable
from custodians.samples import databases
from custodians.samples.people import ERASURE
from tests.integration.custodians.test_sql import TODAY, by, found, sample
from tests.integration.store.databases import behind_a_proxy


async def test_a_store_that_falls_silent_gives_its_connection_back(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "POOL", 1)
    monkeypatch.setattr(sql, "STATEMENT_S", 1.0)
    await databases.seed_user_profiles(fresh_database)
    async with (
        behind_a_proxy(fresh_database) as (proxy, url),
        SqlCustodian.over(sample("user-profiles"), url, today=lambda: TODAY) as custodian,
    ):
        assert await found(custodian, by(email=ERASURE))
        proxy.silence()
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(found(custodian, by(email=ERASURE)), 20)
        proxy.speak()
        assert await asyncio.wait_for(found(custodian, by(email=ERASURE)), 20)
