"""One access and one erasure request, and all that befalls the system on their way."""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import httpx2

from custodians.samples.people import person
from orchestrator.audit.leaf import Leaf, parse
from tests.e2e.desk import Desk, Json
from tests.e2e.stores import Stores, everything
from tests.kills.moments import Looking
from tests.kills.mortal import Mortal

ASKS, LEAVES, THIRD = person(20), person(21), person(22)
BULK = 40_000
HEALED_WITHIN_S = 10.0
ONE_EACH = ("orchestrator", "dispatcher-access", "transaction-history")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """What was there before, and what is there after it all."""

    before: Stores = field(repr=False)
    after: Stores = field(repr=False)
    access: Json
    erasure: Json
    third: Json
    reports: Sequence[tuple[int, str, str, int]]  # number, state, digest, size
    fetched: Sequence[tuple[str, int]]  # digest and size of the plain archive, each time it was fetched
    healed_s: dict[str, float]
    numbers: Sequence[int]
    leaves: Sequence[Leaf] = field(repr=False)


async def lived(system: Mortal) -> Survived:
    """Kill it three times whole and once in parts; the requests are only ever waited for."""
    looking = Looking(system)
    await looking.fill(ASKS.customer, BULK)
    await looking.fill(LEAVES.customer, BULK)
    before = await everything(system.machine)
    async with httpx2.AsyncClient(base_url=system.machine.url, timeout=30.0) as client:
        desk = await Desk.hired(system.machine, client)
        access, erasure = await _searched(system, looking, desk)
        await _erased(system, looking, desk, erasure)
        fetched = await _reported(system, looking, desk, access)
        third, healed_s = await _healed(system, desk)
        told = [await desk.show(each) for each in (access, erasure, third)]
        leaves = [parse(line) for line in await desk.export()]
    survived = Survived(
        before=before,
        after=await everything(system.machine),
        access=told[0],
        erasure=told[1],
        third=told[2],
        reports=[
            (n, state, digest, size)
            for n, state, digest, size in await looking.rows(
                "select n, state, digest, size from report where request = $1", access
            )
        ],
        fetched=fetched,
        healed_s=healed_s,
        numbers=[row[0] for row in await looking.rows("select seq from audit_entry order by seq")],
        leaves=leaves,
    )
    looking.forget()
    return survived


async def _searched(system: Mortal, looking: Looking, desk: Desk) -> tuple[UUID, UUID]:
    """Both are searched for when everything dies."""
    access, erasure = await desk.open("access", ASKS.email), await desk.open("erasure", LEAVES.email)
    await desk.verify(erasure)
    await desk.verify(access)
    await system.killed(looking.uploading(access))
    _again(system, looking)
    await desk.until(access, "reviewing")
    return access, erasure


async def _erased(system: Mortal, looking: Looking, desk: Desk, request: UUID) -> None:
    """It dies between two pages of rows."""
    held = await looking.purchases(LEAVES.customer)
    await desk.approve(request)
    await system.killed(looking.erasing(request, LEAVES.customer, held))
    _again(system, looking)
    await desk.until(request, "closed")


async def _reported(system: Mortal, looking: Looking, desk: Desk, request: UUID) -> list[tuple[str, int]]:
    """It dies when a part of the report is on the disk."""
    await desk["reviewer"].post(f"/api/v1/requests/{request}/release", {})
    await system.killed(looking.writing(request))
    _again(system, looking)
    await desk.until(request, "deliverable")
    twice = [await desk["reviewer"].fetch(f"/api/v1/requests/{request}/report") for _ in range(2)]
    await desk.until(request, "closed")
    return [(hashlib.sha256(each).hexdigest(), len(each)) for each in twice]


async def _healed(system: Mortal, desk: Desk) -> tuple[UUID, dict[str, float]]:
    """Single processes die while a request is on its way; nobody starts anything."""
    request = await desk.open("access", THIRD.email)
    await desk.verify(request)
    killed = {name: system.kill_one(name) for name in ONE_EACH}
    began = time.monotonic()
    healed_s: dict[str, float] = {}
    while len(healed_s) < len(killed):
        assert time.monotonic() - began < 2 * HEALED_WITHIN_S, healed_s
        for name in killed.keys() - healed_s.keys():
            now = system.child(name)
            if now is not None and now != killed[name] and await now.is_alive():
                healed_s[name] = time.monotonic() - began
        await asyncio.sleep(0.05)
    await _answering(desk.client)
    await desk.release(request)
    return request, healed_s


async def _answering(client: httpx2.AsyncClient) -> None:
    deadline = time.monotonic() + 2 * HEALED_WITHIN_S
    while True:
        try:
            if (await client.get("/readyz")).status_code == httpx2.codes.OK:
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def _again(system: Mortal, looking: Looking) -> None:
    looking.forget()
    system.start()
