"""`dsar-custodian seed`."""

import asyncio

import typer

from custodians.commands.codes import NOT_FOUND, OK, complain
from custodians.samples.seeding import SEEDS, fill


def sample(name: str, store: str) -> int:
    """Fill a sample's store."""
    if name not in SEEDS:
        return complain(f"no such sample; there are {', '.join(SEEDS)}", NOT_FOUND)
    return asyncio.run(_sample(name, store))


async def _sample(name: str, store: str) -> int:
    for each in await fill(name, store):
        typer.echo(f"{each.what}: {each.added} added, {each.of} in all")
    return OK
