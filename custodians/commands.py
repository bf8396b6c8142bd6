"""What the commands do. Loaded only by the one that is run, so that `--help` is quick."""

import asyncio
import secrets
import sys
import time
from collections.abc import Coroutine
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import uvloop
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts.keys import WrongKeyFile
from contracts.signed_manifest import sign_manifest
from custodians import plugins
from custodians.runner import keys as worker_keys
from custodians.runner import logs
from custodians.runner import run as runner
from custodians.runner.failures import name_of
from custodians.runner.run import Entropy
from custodians.runner.settings import WorkerSettings, load
from custodians.samples.seeding import SEEDS, fill
from custodians.sdk import CustodianError

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
NOT_FOUND: Final = 4

_ENTROPY: Final = Entropy(clock=time.time, secret=secrets.token_bytes)


def run(config: Path | None) -> int:
    """Work until told to stop."""
    logs.configure()
    return _ended(_run(load(config)))


async def _run(settings: WorkerSettings) -> int:
    keys = worker_keys.load(settings.home)
    declaration = plugins.declaration_of(settings)
    async with runner.stop_signals() as stopping, plugins.opened(settings, declaration, today) as custodian:
        await runner.serve(settings, custodian, declaration, keys=keys, entropy=_ENTROPY, stopping=stopping)
    return OK


def init_keys(home: Path) -> int:
    """Make the keys that are missing, and tell the kids of all."""
    made = worker_keys.create(home, secrets.token_bytes)
    print(f"signing key {made.signer.kid}")
    for kid in made.sealers:
        print(f"sealing key {kid}")
    return OK


def manifest(config: Path | None) -> int:
    """Print the signed manifest."""
    settings = load(config)
    keys = worker_keys.load(settings.home)
    said = plugins.declaration_of(settings).manifest(keys.declared)
    print(sign_manifest(said, keys.signer).to_bytes().decode())
    return OK


def seed(sample: str, store: str) -> int:
    """Fill a sample's store."""
    if sample not in SEEDS:
        return complain(f"no such sample; there are {', '.join(SEEDS)}", NOT_FOUND)
    return _ended(_seed(sample, store))


async def _seed(sample: str, store: str) -> int:
    for each in await fill(sample, store):
        print(f"{each.what}: {each.added} added, {each.of} in all")
    return OK


def check(config: Path | None) -> int:
    """Compare the data map with its store."""
    return _ended(_check(load(config)))


async def _check(settings: WorkerSettings) -> int:
    if settings.data_map is None:
        return complain("only a data map can be compared with its store", USAGE)
    async with plugins.over(plugins.data_map(settings.data_map), settings.store.get_secret_value(), today) as bundled:
        misfits: list[str] = await bundled.misfits()
    for misfit in misfits:
        print(misfit)
    print("the map fits the store" if not misfits else f"{len(misfits)} differences")
    return REFUSED if misfits else OK


def today() -> date:
    """The day by which retention is judged."""
    return datetime.fromtimestamp(time.time(), UTC).date()


def _ended(work: Coroutine[object, object, int]) -> int:
    code = UNREACHABLE
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        try:
            code = loop.run(work)
        except* (OSError, KafkaError, CustodianError) as errors:
            complain(f"not reachable: {_names(errors)}", UNREACHABLE)
    return code


def _names(errors: BaseExceptionGroup[BaseException]) -> str:
    """Name the classes only: the text of a driver's error may quote a credential or a row."""
    found = {name_of(each) for each in errors.exceptions if isinstance(each, Exception)}
    return ", ".join(sorted(found))


def complain(text: str, code: int) -> int:
    """Say what is wrong, on the error channel."""
    print(text, file=sys.stderr)
    return code


def in_words(error: Exception) -> int:
    """Say what is wrong with settings, keys or names, in a line without values."""
    match error:
        case ValidationError():
            wrong = {".".join(str(part) for part in each["loc"]) or each["msg"] for each in error.errors()}
            return complain(f"settings: {', '.join(sorted(wrong))}", USAGE)
        case ModuleNotFoundError():
            return complain(f"{error.name} is not installed: it comes with the extra [sql] or [objects]", REFUSED)
        case WrongKeyFile() | plugins.NoSuchCustodian() | FileNotFoundError():
            return complain(str(error), NOT_FOUND)
        case _:
            raise error
