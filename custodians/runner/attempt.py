"""One attempt at an order: the custodian's code in a task of its own. It may fail, hang or misbehave, not bind us."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog

from contracts.ids import TaskId
from custodians.runner.failures import BadPlugin, TimedOut

log = structlog.get_logger()

T = TypeVar("T")

LET_GO_S: Final = 2.0
"""How long cancelled code may take to put down what it holds. After that nobody waits for it any more."""

_abandoned: Final[set[asyncio.Task[Any]]] = set()


class GivenUp(Exception):
    """Nobody waits for this attempt any more: another may be under way, and it must not touch the ledger."""


@dataclass(slots=True, kw_only=True)
class Running:
    """How far a job is, for the heartbeat; and whether anybody still waits for it."""

    task: TaskId
    done: int = 0
    of: int | None = None
    given_up: bool = False

    def go_on(self) -> None:
        """Raise `GivenUp` if it was. Asked whenever the custodian's code comes back to ours: it may ignore a cancel."""
        if self.given_up:
            raise GivenUp


def abandoned() -> int:
    """How many attempts ignored their end and still run."""
    return len(_abandoned)


async def within(limit_s: float, running: Running, work: Coroutine[Any, Any, T]) -> T:
    """Return what *work* returns; raise what it raises, or `TimedOut` at its limit, whatever it does against it."""
    attempt = asyncio.create_task(_contained(work, running))
    try:
        await asyncio.wait({attempt}, timeout=limit_s)
    finally:
        if not attempt.done():
            await _give_up(attempt, running)
    if running.given_up:
        raise TimedOut
    return attempt.result()


async def _contained(work: Coroutine[Any, Any, T], running: Running) -> T:
    """Let errors through. What would end our task or our process, `sys.exit` too, becomes an error of the plugin."""
    try:
        return await work
    except Exception:
        raise
    except BaseException as error:
        if running.given_up:
            raise
        raise BadPlugin from error


async def _give_up(attempt: asyncio.Task[Any], running: Running) -> None:
    running.given_up = True
    attempt.cancel()
    attempt.add_done_callback(lambda late: late.cancelled() or late.exception())  # looked at, so nobody warns
    await asyncio.wait({attempt}, timeout=LET_GO_S)
    if not attempt.done():
        _abandoned.add(attempt)
        attempt.add_done_callback(_abandoned.discard)
        log.error("work.abandoned", task=str(running.task))
