"""`dsar recover`: taking up a restored backup, as the owner of the database, while nothing else runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from contracts.bus.connection import Connection
from contracts.topics import Channel
from orchestrator.audit.outside import merged
from orchestrator.domain.stops import Why
from orchestrator.embedded.home import Home
from orchestrator.embedded.services import services
from orchestrator.entrypoints.machine.bootstrap import new_entry
from orchestrator.entrypoints.notary import Head
from orchestrator.entrypoints.rewinding import rewind
from orchestrator.entrypoints.working import Refuses
from orchestrator.flow import recovery as flow
from orchestrator.flow.recovery import Known, Recovered
from orchestrator.settings import Role, Settings
from orchestrator.store import recovery, schema
from orchestrator.store.session import Transaction, Transactions, connect, transactions
from orchestrator.wiring import Wiring

BEFORE: Final = timedelta(hours=1)
"""How far before the backup answers are read again: clocks differ, and what was read may not have been committed."""

LONGEST_S: Final = 3600.0
"""A log of many years is read inside the one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the operator knows."""

    logs: Sequence[Path]
    backup_at: datetime
    why: Why
    ticket: str | None
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it."""

    recovered: Recovered
    read_again: int | None  # answers; None if it was only tried


class _OnlyTried(Exception):
    """Ends the transaction of a dry run: everything was done but the commit."""


def recover(settings: Settings, asked: Asked) -> Done:
    """Do it. Safe to repeat. Raises `UnfitLog`, `Refuses`, or what an unreachable service raises.

    On a machine of its own, PostgreSQL and Kafka are started for it and stopped again.
    """
    url = settings.database_url.get_secret_value() if settings.database_url else None
    if url is not None and settings.kafka_bootstrap is not None:
        return asyncio.run(_recover(settings, asked, url, settings.kafka_bootstrap))
    with Home.opened(settings.root) as home:
        return asyncio.run(_at_home(home, settings, asked, url))


async def _at_home(home: Home, settings: Settings, asked: Asked, url: str | None) -> Done:
    async with services(home, database_url=url, kafka_bootstrap=settings.kafka_bootstrap) as running:
        return await _recover(settings, asked, running.database_url, running.kafka_bootstrap)


async def _recover(settings: Settings, asked: Asked, url: str, bootstrap: str) -> Done:
    async with _owner(url) as transaction:
        async with transaction() as tx:
            await _ready(tx)
            standing = await recovery.standing(tx)
        known = await asyncio.to_thread(_known, settings.root, standing.log, asked.logs)
        # first: it can be done twice, and what follows need not be done if this cannot
        read_again = None if asked.dry_run else await _rewound(settings, asked, bootstrap)
        with suppress(_OnlyTried):
            async with transaction() as tx:
                recovered = await _taken_up(tx, known, settings, asked)
                if asked.dry_run:
                    raise _OnlyTried
        return Done(recovered, read_again)


async def _rewound(settings: Settings, asked: Asked, bootstrap: str) -> int:
    bus = Connection(bootstrap=bootstrap, client_id="dsar-recover", prefix=settings.topic_prefix)
    return await rewind(bus, Channel.ANSWERS, Wiring(settings).engine_group, asked.backup_at - BEFORE)


async def _taken_up(tx: Transaction, known: Known, settings: Settings, asked: Asked) -> Recovered:
    return await flow.recover(
        tx,
        known,
        backup_at=asked.backup_at,
        why=asked.why,
        ticket=asked.ticket,
        policy=Wiring(settings).policy,
        new_entry=new_entry,
    )


@asynccontextmanager
async def _owner(url: str) -> AsyncIterator[Transactions]:
    engine = connect(url, pool_size=1, transaction_s=LONGEST_S)
    try:
        yield transactions(engine, transaction_s=LONGEST_S)
    finally:
        await engine.dispose()


async def _ready(tx: Transaction) -> None:
    """Raise `Refuses` unless the schema is this program's and nobody works on it."""
    has, needs = await schema.revision(tx), schema.head()
    if has != needs:
        raise Refuses(f"the database has schema {has}, this program needs {needs}; run `dsar db migrate` first")
    if connected := await recovery.connected(tx, [role.login for role in Role]):
        raise Refuses(f"still connected: {', '.join(connected)}; stop every role, then run this again")


def _known(home: Path, log: UUID, files: Sequence[Path]) -> Known:
    """What lies outside the database: the exports, and the notary's own file where this machine has it."""
    head = Head.read(home, log)
    shortest_first = sorted(files, key=lambda each: each.stat().st_size)
    entries = merged((file.name, file.read_bytes().splitlines()) for file in shortest_first)
    return Known(log=entries, size=head.size if head else 0, generation=head.generation if head else 0)
