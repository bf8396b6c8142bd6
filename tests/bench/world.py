"""The made-up world of the benchmark: people, ten transactions and twenty log events each, in three databases."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import make_url

MAPS: Final = Path(__file__).parent / "maps"
NAMES: Final = ("people", "transactions", "events")
TRANSACTIONS_EACH: Final = 10
EVENTS_EACH: Final = 20

TABLES: Final[Mapping[str, str]] = {
    "people": """
        create table person (
            id text primary key, email text not null, name text not null, phone text, born_on date, street text,
            city text, joined_on date not null
        );
        create index on person (lower(email))
    """,
    "transactions": """
        create table purchase (
            id text primary key, person text not null, placed_on date not null, article text not null,
            quantity int not null, total numeric(10, 2) not null
        );
        create index on purchase (person)
    """,
    "events": """
        create table event (
            id bigint generated always as identity primary key, person text not null, at timestamptz not null,
            device text not null, article text not null, arm int not null
        );
        create index on event (person)
    """,
}
FILL: Final[Mapping[str, str]] = {
    "people": """
        insert into person
        select 'c-' || n, 'person' || n || '@example.com', 'Made Up ' || n,
            '+44770090' || lpad((n % 10000)::text, 4, '0'),
            date '1950-01-01' + n % 18000, n % 120 || ' Mill Lane', 'Northbridge', date '2015-01-01' + n % 3000
        from generate_series($1::int, $2::int - 1) as n
    """,
    "transactions": f"""
        insert into purchase
        select 'o-' || n || '-' || i, 'c-' || n, date '2024-01-01' + (n * 7 + i * 31) % 900, 'desk lamp', 1 + i % 3,
            5 + (n * 13 + i) % 200
        from generate_series($1::int, $2::int - 1) as n, generate_series(1, {TRANSACTIONS_EACH}) as i
    """,
    "events": f"""
        insert into event (person, at, device, article, arm)
        select 'c-' || n, timestamptz '2026-01-01 00:00Z' + (n % 80 + i) * interval '1 hour', 'd-' || n % 3,
            'rucksack', (n + i) % 3
        from generate_series($1::int, $2::int - 1) as n, generate_series(1, {EVENTS_EACH}) as i
    """,
}
MANY_EVENTS: Final = """
insert into event (person, at, device, article, arm)
select 'c-' || $1, timestamptz '2026-01-01 00:00Z' + i * interval '1 second', 'd-1', 'rucksack', i % 3
from generate_series(1, $2::int) as i
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request says of a person. Who names the customer id too spares the search its second round."""

    n: int
    rounds: int

    @property
    def identifiers(self) -> list[dict[str, str]]:
        email = {"kind": "email", "value": f"person{self.n}@example.com"}
        return [email] if self.rounds > 1 else [email, {"kind": "customer_id", "value": f"c-{self.n}"}]


def data_map(name: str) -> Path:
    return MAPS / f"{name}.yaml"


async def make(owner_url: str, password: str) -> Mapping[str, str]:
    """Make an empty database for each custodian, owned by a login of its own; return their addresses."""
    owner = await asyncpg.connect(owner_url)
    urls = {}
    try:
        for name in NAMES:
            await owner.execute(f"create role bench_{name} login password '{password}'")
            await owner.execute(f"create database bench_{name} owner bench_{name}")
            url = make_url(owner_url).set(username=f"bench_{name}", password=password, database=f"bench_{name}")
            urls[name] = url.render_as_string(hide_password=False)
    finally:
        await owner.close()
    return urls


async def fill(urls: Mapping[str, str], *, people: int) -> None:
    """Bring in everybody, from person 0 on."""
    for name, url in urls.items():
        store = await asyncpg.connect(url)
        try:
            await store.execute(TABLES[name])
            await store.execute(FILL[name].replace("$1", "0").replace("$2", str(people)))
            await store.execute("vacuum analyze")
        finally:
            await store.close()


async def add_heavy(urls: Mapping[str, str], n: int, *, events: int) -> None:
    """Add a person with very many events."""
    for name, url in urls.items():
        store = await asyncpg.connect(url)
        try:
            if name == "events":
                await store.execute(MANY_EVENTS.replace("$1", str(n)).replace("$2", str(events)))
            else:
                await store.execute(FILL[name].replace("$1", str(n)).replace("$2", str(n + 1)))
            await store.execute("vacuum analyze")
        finally:
            await store.close()
