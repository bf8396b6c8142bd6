"""Bundling: small parts that are ready at the same moment leave in one request, and nobody waits for company."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final

import httpx2
from pydantic import ValidationError

from contracts.parts import (
    BUNDLE_BYTES,
    BUNDLE_HEAD_BYTES,
    BUNDLE_PARTS,
    AnnouncedPart,
    BundleAnswer,
    BundleHead,
    bundle_of,
)
from custodians.runner.putting import Send, Told

BUNDLE_LIMIT_S: Final = 15
"""How long one may be under way: whoever comes meanwhile waits behind it."""

OK: Final = 200
TOO_MANY: Final = 429
SERVER_ERRORS: Final = 500
HEADERS: Final = {"Content-Type": "application/octet-stream"}

Waiting = tuple[AnnouncedPart, bytes, "asyncio.Future[int]"]


class PutAlone(Exception):
    """The bundle was not taken as one, by somebody who knows none or is too slow for one: put each part alone."""


class Bundles:
    """Sends parts in bundles, one after the other to each address. Whoever comes meanwhile is in the next one."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._waiting: defaultdict[str, deque[Waiting]] = defaultdict(deque)
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def put(self, url: str, part: AnnouncedPart, body: bytes) -> int:
        """Return the status of this part. May be repeated.

        Raises `PutAlone`, and `OSError` or `TransportError` if nobody is there.
        """
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting[url].append((part, body, future))
        if url not in self._busy:
            self._busy[url] = asyncio.create_task(self._work(url))
        return await future

    async def _work(self, url: str) -> None:
        waiting, group = self._waiting[url], list[Waiting]()
        try:
            while group := _taken(waiting):
                _tell(group, await self._sent(url, group))
        finally:
            del self._busy[url], self._waiting[url]
            for _, _, future in (*group, *waiting):  # only if the worker ends
                future.cancel()

    async def _sent(self, url: str, group: Sequence[Waiting]) -> Sequence[int] | Exception:
        try:
            head = BundleHead(parts=tuple(part for part, _, _ in group))
            body = bundle_of(head, [body for _, body, _ in group])
            told = await self._send("POST", url, body, HEADERS, limit_s=BUNDLE_LIMIT_S)
        except TimeoutError:
            return PutAlone()
        except (httpx2.TransportError, OSError) as error:
            return error
        except Exception:  # noqa: BLE001 -- whatever it is, those who wait must hear of it, and can go the other way
            return PutAlone()
        return _statuses(told, len(group)) or PutAlone()


def _taken(waiting: deque[Waiting]) -> list[Waiting]:
    """Take the next bundle: up to the limits, but one part at least, and nobody who has gone away."""
    group, left = list[Waiting](), BUNDLE_BYTES - BUNDLE_HEAD_BYTES
    while waiting and len(group) < BUNDLE_PARTS:
        part, body, future = waiting[0]
        if group and len(body) > left:
            break
        waiting.popleft()
        if not future.done():
            group.append((part, body, future))
            left -= len(body)
    return group


def _statuses(told: Told, count: int) -> Sequence[int] | None:
    """What came of each part; None if the answer is not about them."""
    if told.status == TOO_MANY or told.status >= SERVER_ERRORS:
        return [told.status] * count
    if told.status != OK:
        return None
    try:
        results = BundleAnswer.model_validate_json(told.body, strict=True).results
    except ValidationError:
        return None
    return [each.status for each in results] if len(results) == count else None


def _tell(group: Sequence[Waiting], outcome: Sequence[int] | Exception) -> None:
    for n, (_, _, future) in enumerate(group):
        if future.done():
            continue  # whoever asked has gone away
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome[n])
