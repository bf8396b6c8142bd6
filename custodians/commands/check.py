"""`dsar-custodian check`."""

import asyncio
from pathlib import Path

import typer

from custodians import plugins
from custodians.bundled.datamap import DataMap
from custodians.commands.codes import OK, REFUSED, USAGE, complain, today
from custodians.runner.settings import load


def store(config: Path | None) -> int:
    """Compare the data map with its store."""
    settings = load(config)
    if settings.data_map is None:
        return complain("only a data map can be compared with its store", USAGE)
    return asyncio.run(_store(plugins.data_map(settings.data_map), settings.store.get_secret_value()))


async def _store(data_map: DataMap, address: str) -> int:
    async with plugins.over(data_map, address, today) as bundled:
        misfits: list[str] = await bundled.misfits()
    for misfit in misfits:
        typer.echo(misfit)
    typer.echo("the map fits the store" if not misfits else f"{len(misfits)} differences")
    return REFUSED if misfits else OK
