"""Reading batches: the first record that comes, at once, or whatever lies ready together.

The client library fetches no more of a partition while something of it lies unread. So what lay ready when we came is
only the beginning: the rest of it is still at the broker, and would be a batch of its own.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from contracts.bus.unreadable import Batches, Consumer, GetMany, read_around

REST_MS: Final = 5
"""How long the rest of what lay ready is waited for: a fetch of what is there takes about two."""


async def read_batch(
    consumer: Consumer, getmany: GetMany, clock: Callable[[], float], *, timeout_ms: int, max_records: int
) -> Batches:
    """Read up to *max_records*; where nothing lies ready, listen so long. What an error cuts short is read again."""
    read = partial(read_around, consumer, getmany, clock)
    found = await read(timeout_ms=0, max_records=max_records)
    left = max_records - sum(map(len, found.values()))
    if not found:
        return await read(timeout_ms=timeout_ms, max_records=max_records)
    try:
        more = await read(timeout_ms=REST_MS, max_records=left) if left > 0 else {}
    except BaseException:
        for part in consumer.assignment() & found.keys():
            consumer.seek(part, found[part][0].offset)
        raise
    return {part: [*found.get(part, ()), *more.get(part, ())] for part in {**found, **more}}
