"""What is wrong when a page is run: each fault is made in a real system, from outside, and undone after the page."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid4

import asyncpg

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.keys import SigningKey
from contracts.signing import sign, signed_bytes
from contracts.topics import Channel
from custodians.samples.people import person
from orchestrator.domain.deadline import deadline, regime
from orchestrator.embedded.home import write_private
from tests.e2e.desk import WITHIN_S, Desk
from tests.e2e.program import Machine, arguments, running_in
from tests.e2e.stores import connected

AWAY: Final = "recommendation-logs"
RUBBISH: Final = 60
ONE_AT_A_TIME: Final = 7236001
"""The lock of whoever numbers the log."""

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A system with everything wrong that can go wrong without holding up the rest, and who is on call."""

    machine: Machine
    desk: Desk
    token: str
    requests: Mapping[str, UUID]
    letters: Mapping[str, tuple[int, int]]

    def of(self, name: str) -> Environment:
        return {"REQUEST": str(self.requests[name])}


Fault = Callable[[Night], AbstractAsyncContextManager[Environment]]


async def overdue(machine: Machine, desk: Desk) -> Mapping[str, UUID]:
    """Two that wait for the custodian that is away: one is late already, the other is due today or tomorrow."""
    late = await _received(desk, person(20).email, date(2026, 1, 5))
    today = (await desk.show(late))["waiting"]["since"][:10]
    soon = await _received(desk, person(21).email, almost_a_month_before(date.fromisoformat(today)))
    for each in (late, soon):
        await desk.verify(each)
    return {"overdue": late, "due-soon": soon}


def almost_a_month_before(today: date) -> date:
    """The last day of receipt whose answer is due tomorrow at the latest."""
    law, day = regime("eu_gdpr"), today
    while deadline(law, day).due > today + timedelta(days=1):
        day -= timedelta(days=1)
    return day


async def _received(desk: Desk, email: str, day: date) -> UUID:
    body = {
        "kind": "access",
        "identifiers": [{"kind": "email", "value": email}],
        "received_on": str(day),
    }
    receipt = await desk["support"].post("/api/v1/requests", body, **{"Idempotency-Key": str(uuid4())})
    return UUID(receipt["id"])


async def deliverable(machine: Machine, desk: Desk) -> UUID:
    """A report that nobody fetches."""
    request = await desk.open("access", person(22).email)
    await desk.verify(request)
    await desk.until(request, "reviewing")
    await desk["reviewer"].post(f"/api/v1/requests/{request}/release", {})
    await desk.until(request, "deliverable")
    return request


async def watched(machine: Machine, desk: Desk) -> UUID:
    """Somebody who was erased, and is back while the watch lasts."""
    somebody = person(23)
    connection = await connected(machine, "sample_user_profiles")
    kept = await connection.fetchval("select to_jsonb(c)::text from customer c where id = $1", somebody.customer)
    request = await desk.open("erasure", somebody.email)
    await desk.verify(request)
    await desk.approve(request)
    await desk.until(request, "watching")
    await connection.execute(
        "insert into customer select * from jsonb_populate_record(null::customer, $1::jsonb)", kept
    )
    await connection.close()
    return request


async def unfit(machine: Machine, desk: Desk, release: Callable[[], object]) -> UUID:
    """An approver is struck off the list after both have signed and before anything has left."""
    request = await desk.open("erasure", person(24).email)
    await desk.verify(request)
    await desk.until(request, "awaiting_approval")
    await desk["oncall"].post("/api/v1/switches/stop", {"reason": "drill"})
    await desk.approve(request)
    await desk.until_blocked(request, "erasure_stopped")
    trusted = machine.home / "approvers.toml"
    before = trusted.read_text()
    write_private(trusted, "[[approver]]" + before.split("[[approver]]")[1])
    release()
    await desk.until(request, "awaiting_approval")
    write_private(trusted, before)
    return request


async def failing(machine: Machine, desk: Desk) -> Mapping[str, UUID]:
    """Two that a custodian whose store has lost a table cannot search for, and never will."""
    connection = await connected(machine, "sample_transaction_history")
    await connection.execute("alter table shop.invoice rename to invoice_away")
    found = {
        "failing": await desk.open("erasure", person(25).email),
        "stuck": await desk.open("erasure", person(29).email),
    }
    for each in found.values():
        await desk.verify(each)
    for each in found.values():
        await desk.until_blocked(each, "search_failed")
    await connection.execute("alter table shop.invoice_away rename to invoice")
    await connection.close()
    return found


async def letters(machine: Machine, desk: Desk) -> Mapping[str, tuple[int, int]]:
    """A record that nobody has signed, and one that a custodian has signed and nobody can read."""
    signer = SigningKey.load(machine.home / "custodians" / AWAY / "keys" / "sign.pem")
    value = b"not json"
    signature = sign(signer, signed_bytes("local", Channel.ANSWERS, b"key", value))
    signed = [("kid", signer.kid.encode()), ("sig", signature.encode())]
    async with Sender(_bus(machine)) as sender:
        await sender.send_raw(Channel.ANSWERS, b"key", b"rubbish", [])
        await sender.send_raw(Channel.ANSWERS, b"key", value, [("ce_type", b"dsar.answer"), *signed])
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = (await desk["oncall"].get("/api/v1/dead-letters"))["letters"]
            if len(found) == 2:
                return {each["refusal"]: (each["partition"], each["offset"]) for each in found}
            await asyncio.sleep(0.2)


def _bus(machine: Machine) -> Connection:
    return Connection(bootstrap=machine.kafka, client_id="test")


def _of(name: str) -> Fault:
    @asynccontextmanager
    async def made(night: Night) -> AsyncIterator[Environment]:
        yield night.of(name)

    return made


def _letter(refusal: str) -> Fault:
    @asynccontextmanager
    async def made(night: Night) -> AsyncIterator[Environment]:
        partition, offset = night.letters[refusal]
        yield {"PARTITION": str(partition), "OFFSET": str(offset)}

    return made


@asynccontextmanager
async def silent(night: Night) -> AsyncIterator[Environment]:
    """A custodian is away, and one request waits for it alone."""
    yield {"CUSTODIAN": AWAY, **night.of("waiting")}


@asynccontextmanager
async def stalled(night: Night) -> AsyncIterator[Environment]:
    """A dispatcher hangs."""
    ours = {int(each.split()[0]) for each in running_in(night.machine.home)}  # never one of another system
    named = {pid for pid, words in arguments().items() if words.endswith("entrypoints.run dispatcher_access")}
    (pid,) = ours & named
    os.kill(pid, signal.SIGSTOP)
    try:
        request = await night.desk.open("access", person(26).email)
        await night.desk.verify(request)
        yield {"REQUEST": str(request)}
    finally:
        os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def braked(night: Night) -> AsyncIterator[Environment]:
    """Somebody writes rubbish, too much of it to be put aside unseen."""
    async with Sender(_bus(night.machine)) as sender:
        await asyncio.gather(*(sender.send_raw(Channel.ANSWERS, b"key", b"rubbish", []) for _ in range(RUBBISH)))
    async with asyncio.timeout(WITHIN_S):
        while True:
            if 'dsar_brake_pulled{loop="answers"} 1.0' in await figures(night):
                break
            await asyncio.sleep(0.5)
    yield {}


@asynccontextmanager
async def deaf(night: Night) -> AsyncIterator[Environment]:
    """Somebody locks a table that the engine writes to whatever it reads."""
    connection = await asyncpg.connect(night.machine.database)
    try:
        await connection.execute("begin; lock table heartbeat in exclusive mode")
        async with asyncio.timeout(WITHIN_S):
            while True:
                if 'dsar_consumer_lag_seconds{loop="answers"} 0.0' not in await figures(night):
                    break
                await asyncio.sleep(0.5)
        yield {}
    finally:
        await connection.close()


@asynccontextmanager
async def unnumbered(night: Night) -> AsyncIterator[Environment]:
    """Somebody holds the lock of whoever numbers the log."""
    connection = await asyncpg.connect(night.machine.database)
    await connection.execute(f"select pg_advisory_lock({ONE_AT_A_TIME})")
    try:
        await night.desk.open("access", person(27).email)
        yield {}
    finally:
        await connection.close()


@asynccontextmanager
async def stopped(night: Night) -> AsyncIterator[Environment]:
    """Somebody has stopped erasing, and gone home."""
    await night.desk["oncall"].post("/api/v1/switches/stop", {"reason": "incident", "ticket": "OPS-12"})
    yield {}


async def figures(night: Night) -> str:
    """What a scraper is told now."""
    return (await night.desk.client.get("/metrics")).text


FAULTS: Final[Mapping[str, Fault]] = {
    "overdue": _of("overdue"),
    "due-soon": _of("due-soon"),
    "failing": _of("failing"),
    "stuck": _of("stuck"),
    "residual": _of("residual"),
    "undelivered": _of("undelivered"),
    "unfit": _of("unfit"),
    "dead-letter": _letter("no_signature"),
    "schema": _letter("not_json"),
    "silent": silent,
    "stalled": stalled,
    "braked": braked,
    "deaf": deaf,
    "unnumbered": unnumbered,
    "stopped": stopped,
}
