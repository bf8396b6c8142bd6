"""`dsar-custodian run`."""

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import Final

import uvloop

from contracts.keys import KeyRing
from custodians import plugins
from custodians.commands.codes import OK, today
from custodians.runner import attempt, keys, logs
from custodians.runner import run as runner
from custodians.runner.keys import WorkerKeys
from custodians.runner.settings import WorkerSettings, load
from custodians.sdk import Declaration

LEAVE_S: Final = 5.0
"""How long code that ignores being stopped may keep a worker whose work is put down."""

_ENTROPY: Final = runner.Entropy(clock=time.time, secret=secrets.token_bytes)


def work(config: Path | None) -> int:
    """Work until told to stop."""
    logs.configure()
    settings = load(config)
    own, ring = keys.load(settings.home), keys.command_ring(settings.command_keys)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        return loop.run(_work(settings, own, ring, plugins.declaration_of(settings)))


async def _work(settings: WorkerSettings, own: WorkerKeys, ring: KeyRing, declaration: Declaration) -> int:
    async with runner.stop_signals() as stopping, plugins.opened(settings, declaration, today) as custodian:
        await runner.serve(settings, custodian, declaration, keys=own, ring=ring, entropy=_ENTROPY, stopping=stopping)
        if attempt.abandoned():
            asyncio.get_running_loop().call_later(LEAVE_S, os._exit, OK)
    return OK
