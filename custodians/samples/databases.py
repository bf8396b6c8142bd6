"""Filling the two samples that keep their people in a database. Doing it again adds only what is missing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import asyncpg

from custodians.samples.people import ARTICLES, LAST_DAY, Person, chosen, drawn, everybody, number
from custodians.samples.seeding import Filled

Row = tuple[object, ...]

PROFILES: Final = """
create table if not exists customer (
    id text primary key, email text not null unique, name text not null, phone text, born_on date, street text,
    city text, joined_on date not null, password_hash text not null
);
create index if not exists customer_email on customer (lower(email));
create table if not exists device (
    id text primary key, customer text not null references customer on delete cascade, model text not null,
    last_seen_on date not null
);
create index if not exists device_customer on device (customer);
"""
ADD_CUSTOMER: Final = """
insert into customer (id, email, name, phone, born_on, street, city, joined_on, password_hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing
"""
ADD_DEVICE: Final = """
insert into device (id, customer, model, last_seen_on) values ($1, $2, $3, $4) on conflict do nothing
"""

TRANSACTIONS: Final = """
create schema if not exists shop;
create table if not exists shop.purchase (
    id text primary key, customer text not null, placed_on date not null, article text not null,
    quantity int not null, total numeric(10, 2) not null
);
create index if not exists purchase_customer on shop.purchase (customer);
create table if not exists shop.invoice (
    number text primary key, customer text not null, issued_on date not null, total numeric(10, 2) not null,
    vat numeric(10, 2) not null
);
create index if not exists invoice_customer on shop.invoice (customer);
"""
ADD_PURCHASE: Final = """
insert into shop.purchase (id, customer, placed_on, article, quantity, total)
values ($1, $2, $3, $4, $5, $6) on conflict do nothing
"""
ADD_INVOICE: Final = """
insert into shop.invoice (number, customer, issued_on, total, vat) values ($1, $2, $3, $4, $5) on conflict do nothing
"""


async def seed_user_profiles(store: str) -> list[Filled]:
    """Fill the database of `user-profiles`."""
    people = everybody()
    customers: list[Row] = [
        (p.customer, p.email, p.name, p.phone, p.born_on, p.street, p.city, p.joined_on, drawn("pw", p.customer).hex())
        for p in people
    ]
    devices: list[Row] = [(d.id, d.customer, d.model, d.last_seen_on) for p in people for d in p.devices]
    return await _fill(store, PROFILES, {"customer": (ADD_CUSTOMER, customers), "device": (ADD_DEVICE, devices)})


async def seed_transaction_history(store: str) -> list[Filled]:
    """Fill the database of `transaction-history`."""
    people = everybody()
    purchases = [row for person in people for row in _purchases(person)]
    invoices = [row for person in people for row in _invoices(person)]
    return await _fill(
        store,
        TRANSACTIONS,
        {"shop.purchase": (ADD_PURCHASE, purchases), "shop.invoice": (ADD_INVOICE, invoices)},
    )


def _purchases(person: Person) -> Iterator[Row]:
    for i in range(2 + number(6, "purchases", person.customer)):
        day = LAST_DAY - timedelta(days=number(3 * 365, "placed", person.customer, i))
        total = Decimal(500 + number(20_000, "total", person.customer, i)) / 100
        article = chosen(ARTICLES, "article", person.customer, i)
        yield f"o-{person.customer}-{i}", person.customer, day, article, 1 + i % 3, total


def _invoices(person: Person) -> Iterator[Row]:
    """One a year for a while, far enough back that tax law has let go of the first."""
    for i in range(3 + number(4, "invoices", person.customer)):
        day = LAST_DAY - timedelta(days=i * 1100 + number(300, "issued", person.customer, i))
        total = Decimal(1_000 + number(50_000, "amount", person.customer, i)) / 100
        yield f"i-{day.year}-{person.customer}-{i}", person.customer, day, total, (total * 19 / 119).quantize(total)


async def _fill(store: str, tables: str, rows: Mapping[str, tuple[str, Sequence[Row]]]) -> list[Filled]:
    connection = await asyncpg.connect(store)
    try:
        async with connection.transaction():
            await connection.execute(tables)
            return [await _add(connection, table, add, wanted) for table, (add, wanted) in rows.items()]
    finally:
        await connection.close()


async def _add(connection: asyncpg.Connection, table: str, add: str, rows: Sequence[Row]) -> Filled:
    count = f"select count(*) from {table}"  # noqa: S608 -- names of this module
    before = await connection.fetchval(count)
    await connection.executemany(add, rows)
    return Filled(what=table, added=await connection.fetchval(count) - before, of=len(rows))
