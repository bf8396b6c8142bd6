"""Somebody with every right in the database slips another person's identifier in, once the signatures are given."""

import asyncio
from typing import Final
from uuid import UUID

import asyncpg

from contracts.identifiers import IdentifierKind, identifier
from contracts.ids import RequestId
from orchestrator.embedded.process import polled
from orchestrator.settings import Settings
from orchestrator.vault.identifiers import blind, seal_identifier
from tests.crash.people import people
from tests.crash.world import World

WAITED_S: Final = 30.0
SLIPPED: Final = 99

IN_GRACE: Final = "select id from request where state = 'grace' and kind = 'erasure' limit 1"
LINK: Final = "select public from request_key where request = $1 and use = 'link'"
SLIP_IN: Final = """
insert into identifier (request, n, kind, sealed, blind, standing, admitted_in)
values ($1, $2, 'customer_id', $3, $4, 'admitted', 1)
"""
TAKE_OUT: Final = "delete from identifier where request = $1 and n = $2"
DECIDED: Final = """
select exists (select 1 from approval where request = $1 and void)
    or exists (select 1 from task t join issue i on i.task = t.id where t.request = $1 and t.operation = 'erase')
    or not exists (select 1 from request where id = $1 and state in ('grace', 'erasing'))
"""


async def slip_in(world: World) -> bool:
    """Wait for a request in grace and forge it, until that was noticed or acted upon; False if there was none.

    What was slipped in is taken out again at once, so that nobody is shown it and signs for it.
    """
    connection = await asyncpg.connect(world.database.direct_url, timeout=5.0)
    found: list[UUID] = []

    async def in_grace() -> bool:
        found.extend(row["id"] for row in await connection.fetch(IN_GRACE))
        return bool(found)

    try:
        async with asyncio.timeout(WAITED_S):
            await polled(in_grace)
            await _forge(world, connection, RequestId(found[0]))
    except TimeoutError:
        return False
    finally:
        await connection.close()
    return True


async def _forge(world: World, connection: asyncpg.Connection, request: RequestId) -> None:
    victim = people(world.options.seed, world.options.requests)[0]
    known = identifier(IdentifierKind.CUSTOMER_ID, victim.customer)
    sealed = seal_identifier(known, bytes(await connection.fetchval(LINK, request)), request)
    index = blind(Settings(home=world.home.root).blind_key().read_bytes(), known)

    async def decided() -> bool:
        return bool(await connection.fetchval(DECIDED, request))

    await connection.execute(SLIP_IN, request, SLIPPED, sealed, index)
    try:
        await polled(decided)
    finally:
        await connection.execute(TAKE_OUT, request, SLIPPED)
