"""Looking for values where none may be: in bytes, in clear and in the usual disguises."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

import asyncpg

from tests.e2e.program import Machine

TABLES = """
select format('%I.%I', table_schema, table_name) from information_schema.tables
where table_schema not in ('pg_catalog', 'information_schema') order by 1
"""
Place = tuple[str, bytes]
"""A name for people, and what is there."""


def hits(marks: Iterable[str], places: Iterable[Place]) -> list[str]:
    """Say where a mark was found, and how it was spelled."""
    spelled = [(name, spelling) for mark in marks for name, spelling in spellings(mark)]
    return [f"{place}: {name}" for place, content in places for name, spelling in spelled if spelling in content]


def spellings(mark: str) -> Iterator[Place]:
    """A mark as it is, in UTF-16, in hex, and in base64 wherever in a longer text it may begin."""
    plain = mark.encode()
    yield "in clear", plain
    yield "in UTF-16", mark.encode("utf-16-le")
    yield "in hex", plain.hex().encode()
    for encode in (b64encode, urlsafe_b64encode):
        for shift in range(3):
            whole = encode(bytes(shift) + plain).rstrip(b"=")
            begins = (0, 2, 3)[shift]  # the first characters hold bits of what stands before
            ends = len(whole) - bool((shift + len(plain)) % 3)  # the last one bits of what follows
            yield f"in base64, shifted by {shift}", whole[begins:ends]


def files(machine: Machine) -> Iterator[Place]:
    """Every file of the home but the stores themselves: logs, Kafka's segments, blobs, keys, ledgers."""
    stores = {machine.home / "pg", *machine.home.glob("custodians/*/store")}
    for path in sorted(machine.home.rglob("*")):
        if path.is_file() and not stores.intersection(path.parents):
            yield str(path.relative_to(machine.home)), _content(path)


def _content(path: Path) -> bytes:
    return path.read_bytes().rstrip(b"\0")  # Kafka's indexes are mostly holes


async def tables(machine: Machine) -> AsyncIterator[Place]:
    """Every value of every table of the orchestrator, sealed ones too: in there nothing may be read either."""
    connection = await asyncpg.connect(machine.database)
    try:
        for (name,) in await connection.fetch(TABLES):
            for row in await connection.fetch(f"select * from {name}"):
                for column, value in row.items():
                    yield f"{name}.{column}", value if isinstance(value, bytes) else str(value).encode()
    finally:
        await connection.close()
