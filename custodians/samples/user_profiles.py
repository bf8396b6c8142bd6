"""Sample by hand: user profiles in PostgreSQL. Knows e-mail → customer id and device ids."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Self

import asyncpg

from custodians.sdk import Custodian, DataClass, Holding, Identifier, Kind, Record, Subject

PROFILE = DataClass("profile")
KNOWN = """
select c.id, d.id as device from customer c left join device d on d.customer = c.id
where lower(c.email) = any($1) or c.id = any($2)
"""
MINE = """
select id, email, name, phone, born_on, street, city, joined_on from customer
where lower(email) = any($1) or id = any($2)
"""
GONE = "delete from customer where id = any($1)"  # its devices go with it: on delete cascade


class UserProfiles(Custodian):
    """What the data map `user-profiles` says, in twenty lines; its devices go with their profile."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def opened(cls, store: str) -> AsyncIterator[Self]:
        """Open a pool on the database at *store*."""
        async with asyncpg.create_pool(store) as pool:
            yield cls(pool)

    async def resolve(self, subject: Subject) -> Collection[Identifier]:
        """Follow the account to its devices."""
        rows = await self._pool.fetch(KNOWN, subject.values(Kind.EMAIL), subject.values(Kind.CUSTOMER_ID))
        customers = {Identifier(Kind.CUSTOMER_ID, row["id"]) for row in rows}
        return customers | {Identifier(Kind.DEVICE_ID, row["device"]) for row in rows if row["device"]}

    async def collect(self, subject: Subject) -> AsyncIterator[Record]:
        """Read the account, through a cursor."""
        async with self._pool.acquire() as connection, connection.transaction(readonly=True):
            async for row in connection.cursor(MINE, subject.values(Kind.EMAIL), subject.values(Kind.CUSTOMER_ID)):
                yield Record(data_class=PROFILE, key=row["id"], fields=dict(row))

    async def erase(self, holdings: Sequence[Holding]) -> None:
        """Delete accounts by their ids."""
        await self._pool.execute(GONE, [holding.key for holding in holdings])
