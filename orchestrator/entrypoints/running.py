"""Running roles: one process may run several, each with the keys and the login of its own, and loads no other."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType
from typing import Final

import structlog

from orchestrator.entrypoints.duty import Duty
from orchestrator.entrypoints.vitals import Vitals
from orchestrator.entrypoints.watch import Watch
from orchestrator.settings import Role
from orchestrator.wiring import Wiring

log = structlog.get_logger()

STOP_WITHIN_S = 15.0

HERE: Final = "orchestrator.entrypoints"
MODULES: Final[Mapping[Role, str]] = MappingProxyType(
    {
        Role.API: f"{HERE}.roles.api",
        Role.ENGINE: f"{HERE}.roles.engine",
        Role.DISPATCHER_ACCESS: f"{HERE}.roles.dispatcher",
        Role.DISPATCHER_ERASURE: f"{HERE}.roles.dispatcher",
        Role.REPORTER: f"{HERE}.roles.reporter",
        Role.NOTARY: f"{HERE}.roles.notary",
    }
)
"""Where each role is: a module with a `run`, imported in the processes that run it."""

DOOR: Final = f"{HERE}.health"
"""The same of the door for probes, which brings a web framework with it."""

Run = Callable[[Duty], Coroutine[None, None, None]]


def loaded(module: str) -> Run:
    """Import what this process does; what it does not do costs it nothing."""
    run: Run = import_module(module).run
    return run


async def run(roles: Sequence[Role], wiring: Wiring) -> None:
    """Run *roles* until SIGTERM or SIGINT; what was begun is finished first.

    Raises `RecoveryNeeded` before any of them begins, or as soon as it shows, if the database fell back to a backup.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    work = {role: loaded(MODULES[role]) for role in roles}
    watching = Duty(role=roles[0], wiring=wiring, stopping=stopping, vitals=Vitals(clock=time.time))
    async with watching.database(pool_size=1) as database:
        turned = watching.vitals.work("watch")
        watch = Watch(transaction=database.transactions, home=wiring.settings.root, turned=turned)
        tasks = [asyncio.create_task(watch.until(stopping), name="watch")]
        if wiring.settings.health_port is not None:
            tasks.append(asyncio.create_task(loaded(DOOR)(watching), name="health"))
        stop = asyncio.create_task(stopping.wait())
        begun = asyncio.create_task(watch.begun())
        await asyncio.wait([stop, begun, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if begun.done() and not stopping.is_set():
            wired = replace(watching, wiring=replace(wiring, standing=begun.result()))
            tasks += [asyncio.create_task(begin(replace(wired, role=role)), name=role) for role, begin in work.items()]
            await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
        stopping.set()
        begun.cancel()
        log.info("roles.stopping", count=len(roles))
        await _end(tasks)


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Let them finish, end what does not, and raise the first error of any."""
    await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for error in results:
        if isinstance(error, Exception):
            raise error
