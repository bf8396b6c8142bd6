"""The loop of every role that does work as it turns up: do some, and wait when there is none."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from contracts.bus.resting import rest_s

log = structlog.get_logger()

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


class Refuses(RuntimeError):
    """The role must not go on, and no repeating makes it right. The message says who has to do what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a role does: *once* says how much it found to do, *idle* returns when there may be more.

    *turned* is told after each turn whether it went well. A turn that found *most* is followed by the next at once, one
    that found less by another look; unless it *drains*: then that was all there was, and *idle* tells of what came.
    """

    name: str
    once: Callable[[], Awaitable[int]]
    idle: Callable[[], Awaitable[object]]
    turned: Callable[[bool], None]
    most: int
    drains: bool = False

    async def until(self, stopping: asyncio.Event) -> None:
        """Work until *stopping* is set; what was begun is finished. Raises what `Refuses`.

        A failure is a failure of our own services (what may be wrong with a request is decided in the domain): it is
        logged by its class and tried again, later each time.
        """
        pause = FIRST_PAUSE_S
        while not stopping.is_set():
            try:
                await self._turn()
                pause = FIRST_PAUSE_S
                self.turned(True)
            except Refuses:
                raise
            except Exception as error:  # noqa: BLE001 - the outermost loop: a role goes on when its services are back
                log.warning("role.stumbled", role=self.name, error=type(error).__name__, again_in_s=pause)
                self.turned(False)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _turn(self) -> None:
        began = asyncio.get_running_loop().time()
        found = await self.once()
        if not found:
            await self.idle()
        elif rest := rest_s(asyncio.get_running_loop().time() - began, found=found, most=self.most):
            await asyncio.sleep(rest)
        if self.drains and 0 < found < self.most:
            await self.idle()
