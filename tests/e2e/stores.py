"""The samples' own stores, asked directly: every row and every line, byte by byte, and whose it is."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pyarrow.parquet as pq

from tests.e2e.program import Machine

OWNER = {
    "sample_user_profiles": {"public.customer": ("id", "id"), "public.device": ("id", "customer")},
    "sample_transaction_history": {
        "shop.purchase": ("id", "customer"),
        "shop.invoice": ("number", "customer"),
    },
}
"""Each table's key, and the column that says whose a row is."""

TABLES = """
select table_schema || '.' || table_name from information_schema.tables
where table_schema not in ('pg_catalog', 'information_schema')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One row or line: where, whose, and its bytes."""

    place: str
    key: str
    owner: str = field(repr=False)
    content: str | bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """Everything that the samples hold at one moment."""

    held: Sequence[Held]
    files: Mapping[str, bytes] = field(repr=False)
    shapes: Mapping[str, str]  # of the Parquet files

    def of(self, customer: str) -> list[Held]:
        return [each for each in self.held if each.owner == customer]

    def of_others(self, customer: str) -> list[Held]:
        return [each for each in self.held if each.owner != customer]


async def everything(machine: Machine) -> Stores:
    """Read all stores, past their custodians."""
    held = [row for database in OWNER for row in await _database(machine, database)]
    owners = {row.key: row.owner for row in held if row.place == "public.device"}
    root = machine.home / "custodians" / "recommendation-logs" / "store"
    files = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    for name, content in files.items():
        held += _lines(name, content, owners) if name.endswith(".jsonl") else _rows(name, content)
    shapes = {name: _shape(content) for name, content in files.items() if name.endswith(".parquet")}
    return Stores(held=held, files=files, shapes=shapes)


async def connected(machine: Machine, database: str) -> asyncpg.Connection:
    """Connect to *database* as the owner of the whole server."""
    return await asyncpg.connect(urlsplit(machine.database)._replace(path=f"/{database}").geturl())


async def _database(machine: Machine, database: str) -> list[Held]:
    connection = await connected(machine, database)
    try:
        assert {row[0] for row in await connection.fetch(TABLES)} == set(OWNER[database])
        found = []
        for table, (key, owner) in OWNER[database].items():
            rows = await connection.fetch(
                f"select {key}, {owner}, xmin::text || ' ' || t::text from {table} t order by 1"
            )
            found += [Held(place=table, key=row[0], owner=row[1], content=row[2]) for row in rows]
        return found
    finally:
        await connection.close()


def _lines(name: str, content: bytes, owners: Mapping[str, str]) -> Iterable[Held]:
    for line in content.splitlines(keepends=True):
        event = json.loads(line)
        owner = event["customer"] or owners.get(event["device"]["id"], "somebody erased")
        yield Held(place=name, key=event["event"], owner=owner, content=line)


def _rows(name: str, content: bytes) -> Iterable[Held]:
    for row in pq.read_table(io.BytesIO(content)).to_pylist():
        yield Held(place=name, key=row["id"], owner=row["customer"], content=json.dumps(row))


def _shape(content: bytes) -> str:
    return str(pq.read_schema(io.BytesIO(content)))


def add_file(machine: Machine, name: str, content: bytes) -> None:
    """Put another file into the store of the recommendation logs."""
    path: Path = machine.home / "custodians" / "recommendation-logs" / "store" / name
    path.write_bytes(content)
