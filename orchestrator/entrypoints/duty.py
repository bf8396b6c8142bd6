"""A role on duty: what it is wired to, when it has to stop, and where it says how it fares."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from orchestrator.entrypoints.vitals import Vitals
from orchestrator.settings import Role
from orchestrator.wiring import Database, Wiring


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Handed to a role's `run`, which returns once *stopping* is set and what was begun is finished."""

    role: Role
    wiring: Wiring
    stopping: asyncio.Event
    vitals: Vitals

    @asynccontextmanager
    async def database(self, *, pool_size: int = 5) -> AsyncIterator[Database]:
        """The database under the role's own login, for as long as the block lasts."""
        database = self.wiring.database(self.role, pool_size=pool_size)
        self.vitals.databases.append(database.transactions)
        try:
            yield database
        finally:
            await database.engine.dispose()
