"""The moments in which the system is killed, recognised by what is in the databases and the folder of blobs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

from tests.kills.mortal import Mortal

PURCHASES = "select count(*) from shop.purchase where customer = $1"
BULK = """
insert into shop.purchase (id, customer, placed_on, article, quantity, total)
select 'bulk-' || $1 || '-' || n, $1, date '2025-01-01', encode(sha256(convert_to($1 || n, 'UTF8')), 'hex'), 1, 1
from generate_series(1, $2::int) n
"""
UPLOADING = """
select exists (
    select from task join part on part.task = task.id join request on request.id = task.request
    where task.request = $1 and task.custodian = 'transaction-history' and task.state = 'issued'
    and request.state = 'searching'
)
"""
STATE = "select state from request where id = $1"


@dataclass(slots=True)
class Looking:
    """Questions to the databases of a system that may die at any time: each with a connection of its own."""

    system: Mortal
    _open: dict[str, asyncpg.Connection] = field(default_factory=dict)

    async def ask(self, query: str, *values: object, database: str = "") -> Any:  # noqa: ANN401 - whatever a column is
        """One value."""
        return await (await self._connection(database)).fetchval(query, *values)

    async def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await (await self._connection("")).fetch(query, *values)]

    async def _connection(self, database: str) -> asyncpg.Connection:
        known = self._open.get(database)
        if known is None or known.is_closed():
            url = urlsplit(self.system.machine.database)
            named = url._replace(path=f"/{database}") if database else url
            self._open[database] = await asyncpg.connect(named.geturl())
        return self._open[database]

    def forget(self) -> None:
        """The server is dead, or about to be stopped."""
        for each in self._open.values():
            each.terminate()
        self._open.clear()

    async def fill(self, customer: str, count: int) -> None:
        """Give somebody so many purchases that handing them over, or erasing them, takes a while."""
        await self.ask(BULK, customer, count, database="sample_transaction_history")

    async def purchases(self, customer: str) -> int:
        found: int = await self.ask(PURCHASES, customer, database="sample_transaction_history")
        return found

    def uploading(self, request: UUID) -> Callable[[], Any]:
        """A custodian has handed over a part, and has not answered."""

        async def moment() -> bool:
            return bool(await self.ask(UPLOADING, request))

        return moment

    def erasing(self, request: UUID, customer: str, before: int) -> Callable[[], Any]:
        """Some rows are gone, others are not yet."""

        async def moment() -> bool:
            if await self.ask(STATE, request) != "erasing":
                return False
            return 0 < await self.purchases(customer) < before

        return moment

    def writing(self, request: UUID) -> Callable[[], Any]:
        """A piece of the report is stored, and the report is not built."""
        folder: Path = self.system.home / "blobs" / str(request)

        async def moment() -> bool:
            return _has_report(folder) and await self.ask(STATE, request) == "reporting"

        return moment


def _has_report(folder: Path) -> bool:
    return any(folder.glob("report.*"))
