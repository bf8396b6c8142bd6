"""Dead letters: every record that was spoiled on the answers' topic must lie there, whatever else befell its reader."""

import asyncio
import json
from collections.abc import Iterable
from typing import Final

from contracts.topics import Channel
from tests.crash import bus
from tests.crash.bus import Place
from tests.crash.world import World

WITHIN_S: Final = 30.0
AGAIN_S: Final = 1.0


async def missing(world: World) -> list[Place]:
    """The spoiled answers of which there is no letter, when there was time enough to write one."""
    left = set(world.spoiled)
    try:
        async with asyncio.timeout(WITHIN_S):
            while left:
                left -= await _forwarded(world)
                await asyncio.sleep(AGAIN_S if left else 0)
    except TimeoutError:
        pass
    return sorted(left)


async def _forwarded(world: World) -> set[Place]:
    records = await bus._read(world.bus.connection("crash-letters"), Channel.DEAD_LETTERS)
    return set(_places(each.value or b"{}" for each in records))


def _places(letters: Iterable[bytes]) -> Iterable[Place]:
    for letter in map(json.loads, letters):
        yield letter["topic"], letter["partition"], letter["offset"]
