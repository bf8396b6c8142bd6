"""Making the sample custodians of one machine: their databases, their keys, and the made-up people in their stores."""

import asyncio
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from contracts.signed_manifest import SignedManifest
from orchestrator.embedded.process import tied_to_us
from orchestrator.entrypoints.machine.samples import IN_DATABASES, Name, Sample, command, login_of, store_password


class SampleBroken(RuntimeError):
    """A sample custodian's own command failed. The message is what it said."""


async def make_databases(owner_url: str, samples: Sequence[Sample]) -> None:
    """Make the databases that are missing: each belongs to its sample alone, no login of ours may use it."""
    connection = await asyncpg.connect(owner_url)
    try:
        for each in samples:
            if each.name in IN_DATABASES:
                await _make_database(connection, login_of(each.name), store_password(each.home))
    finally:
        await connection.close()


async def _make_database(connection: asyncpg.Connection, name: str, password: str) -> None:
    if not await connection.fetchval("select 1 from pg_roles where rolname = $1", name):
        await connection.execute(f"create role {name} login")
    await connection.execute(f"alter role {name} password '{password}'")  # hexadecimal: our own
    if not await connection.fetchval("select 1 from pg_database where datname = $1", name):
        await connection.execute(f"create database {name} owner {name}")


async def fill(root: Path, samples: Sequence[Sample], *, reseed: bool) -> list[SignedManifest]:
    """Fill the stores, if they have not been made yet, or anew; return what must be admitted."""
    if not all((root / "custodians" / name / "keys").exists() for name in Name):
        return list(await asyncio.gather(*(_make(each) for each in samples)))
    if reseed:
        await asyncio.gather(*(_seed(each) for each in samples))
    return []


async def _make(sample: Sample) -> SignedManifest:
    """Make its keys and fill its store with made-up people; return its manifest."""
    await _call(sample, "keys", "init")
    _, told = await asyncio.gather(_seed(sample), _call(sample, "manifest"))
    return SignedManifest.model_validate_json(told)


async def _seed(sample: Sample) -> None:
    """Bring its made-up people back, as if nobody had ever been erased."""
    await _call(sample, "seed", sample.name)


async def _call(sample: Sample, *words: str) -> bytes:
    argv = (*tied_to_us(signal.SIGTERM), *command(), *words)
    child = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=sample.variables)
    told, said = await child.communicate()
    if child.returncode:
        ending = said.decode(errors="replace")[-2000:]
        raise SampleBroken(f"dsar-custodian {' '.join(words)}: exit code {child.returncode}: {ending}")
    return told
