"""People whose every value occurs nowhere else: after all that can happen to them, none of it is found anywhere."""

import asyncio
import io
import json
import os
import subprocess
import threading
import time
import zipfile
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
from aiokafka import AIOKafkaConsumer

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.topics import Channel
from tests.e2e import scanner
from tests.e2e.canaries import Canary, Mint, moved_in
from tests.e2e.desk import WITHIN_S, Desk, Json
from tests.e2e.program import Machine, arguments
from tests.e2e.scanner import Place
from tests.e2e.stores import connected

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(300)]

BLOCK = """
create table shop.parcel (purchase text references shop.purchase (id));
insert into shop.parcel values ('{order}')
"""
UNBLOCK = "drop table if exists shop.parcel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """What came of the canaries, and everything that could be seen meanwhile."""

    mint: Mint
    report: bytes = field(repr=False)
    erased: Json
    failed: Json
    letter: Json
    errors: Sequence[httpx2.Response]
    places: Sequence[Place] = field(repr=False)


@pytest.fixture(scope="module")
async def lived(machine: Machine, desk: Desk) -> AsyncIterator[Lived]:
    mint, seen = Mint(), set[str]()
    machine.worker.start()
    with watched(seen):
        asks, goes, stays = [await moved_in(machine, mint, n) for n in (1, 2, 3)]
        access, report = await desk.access(asks.email, evidence=mint.text())
        erased = await desk.erasure(goes.email, evidence=mint.text())
        async with unable_to_erase(machine, stays):
            failed = await failing(desk, mint, stays)
        letter = await dead_letter(machine, desk, access)
        errors = [await refused(desk, each) for each in bad_input(mint)]
    told = [place async for place in answers(desk)]
    rows = [place async for place in scanner.tables(machine)]
    said = [(f"error {n}", shown(each)) for n, each in enumerate(errors)]
    arguments_seen = [("arguments", each.encode()) for each in seen]
    yield Lived(
        mint=mint, report=report, erased=erased, failed=failed, letter=letter, errors=errors,
        places=[*told, *rows, *said, *arguments_seen, *scanner.files(machine)],
    )  # fmt: skip
    machine.worker.stop()


@contextmanager
def watched(seen: set[str]) -> Iterator[None]:
    """Collect the command lines of all processes, as long as the block runs."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            seen.update(arguments().values())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@asynccontextmanager
async def unable_to_erase(machine: Machine, canary: Canary) -> AsyncIterator[None]:
    """Let the database refuse to delete an order, in words that quote it."""
    connection = await connected(machine, "sample_transaction_history")
    try:
        await connection.execute(BLOCK.format(order=canary.order))
        yield
        await connection.execute(UNBLOCK)
    finally:
        await connection.close()


async def failing(desk: Desk, mint: Mint, canary: Canary) -> Json:
    """Have somebody erased whom a store cannot erase; the reason for giving it up names them again."""
    request = await desk.open("erasure", canary.email)
    await desk.verify(request, evidence=mint.text())
    await desk.approve(request)
    failed = await desk.until_it_waits_for(request, "next_try")
    await desk["support"].post(f"/api/v1/requests/{request}/withdraw", {"reason": mint.text()})
    return failed


async def dead_letter(machine: Machine, desk: Desk, request: UUID) -> Json:
    """Send a command of *request* again with one byte changed; return the letter that becomes of it."""
    bus = Connection(bootstrap=machine.kafka, client_id="tests")
    record = await command_of(bus, request)
    broken = bytearray(record.value)
    broken[len(broken) // 2] ^= 1
    async with Sender(bus) as sender:
        await sender.send_raw(record.topic, record.key, bytes(broken), record.headers)
    deadline = time.monotonic() + WITHIN_S
    while True:
        letters: list[Json] = (await desk["oncall"].get("/api/v1/dead-letters"))["letters"]
        ours = [each for each in letters if each["refusal"] == "bad_signature"]
        if ours:
            return ours[0]
        assert time.monotonic() < deadline, letters
        await asyncio.sleep(0.1)


async def command_of(bus: Connection, request: UUID) -> Any:  # noqa: ANN401 - a record of aiokafka
    """Read the first command of *request* from its topic."""
    topic = bus.topic(Channel.ACCESS)
    consumer = AIOKafkaConsumer(topic, **bus.client_options(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(WITHIN_S):
            async for record in consumer:
                if record.key == str(request).encode():
                    return record
    finally:
        await consumer.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """Something that the API refuses, with a canary in it."""

    method: str = "POST"
    path: str = "/api/v1/requests"
    who: str = "support"
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


def bad_input(mint: Mint) -> Iterator[Bad]:
    nobody = UUID(int=0)
    for kind, value in (
        ("email", f"{mint.text()} at example.com"),
        ("phone", f"phone {mint.text()}"),
        ("customer_id", f"c {mint.text()}\n"),
        (f"emial{mint.text()}", mint.text()),
    ):
        yield Bad(body={"kind": "access", "identifiers": [{"kind": kind, "value": value}]}, headers=key())
    fine = {"kind": "access", "identifiers": [{"kind": "email", "value": f"{mint.text()}@example.com"}]}
    yield Bad(body=fine)
    yield Bad(body=fine, headers={"Idempotency-Key": f"{mint.text()} {mint.text()}"})
    yield Bad(body=fine | {"received_on": "2999-01-01"}, headers=key())
    for name in ("kind", "received_on", "regime", "test", mint.text()):
        yield Bad(body=fine | {name: mint.text()}, headers=key())
    yield Bad(body=fine | {"identifiers": [mint.text()]}, headers=key())
    yield Bad(body=mint.text(), headers=key())
    yield Bad(body={"requests": [{"identifiers": mint.text()}]})
    for path in (mint.text(), f"?after={mint.text()}", f"?state={mint.text()}", f"?{mint.text()}=1"):
        yield Bad(method="GET", path=f"/api/v1/requests{'' if path.startswith('?') else '/'}{path}")
    yield Bad(method="GET", path=f"/{mint.text()}")
    yield Bad(method="PUT", path=f"/parts/{mint.text()}/1/0", body=mint.text())
    yield Bad(method="PUT", path=f"/parts/{nobody}/1/0", body=mint.text(), headers={"X-Dsar-Class": mint.text()})
    yield Bad(method="GET", path="/api/v1/me", headers={"Authorization": f"Bearer {mint.text()}"})
    yield Bad(path=f"/api/v1/requests/{nobody}/verify", who="verifier", body={"result": mint.text()})
    yield Bad(path=f"/api/v1/requests/{nobody}/cancel", body={"reason": mint.text()})
    yield Bad(path=f"/api/v1/requests/{nobody}/approve", who="first", body={"signature": mint.text()})


def key() -> dict[str, str]:
    return {"Idempotency-Key": os.urandom(8).hex()}


async def refused(desk: Desk, bad: Bad) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {desk[bad.who].token}", **bad.headers}
    return await desk.client.request(bad.method, bad.path, json=bad.body, headers=headers)


def shown(response: httpx2.Response) -> bytes:
    return response.content + repr(dict(response.headers)).encode()


async def answers(desk: Desk) -> AsyncIterator[Place]:
    """What the API tells those who may see no personal data, and scrapers, and auditors."""
    yield "audit export", b"\n".join(await desk.export())
    paths = ["/metrics", "/readyz", "/api/v1/requests?which=all", "/api/v1/custodians", "/api/v1/dead-letters"]
    paths += [f"/api/v1/requests/{each}" for each in desk.opened] + ["/api/v1/audit?limit=500"]
    for path in paths:
        who = {"/api/v1/dead-letters": "oncall", "/api/v1/audit?limit=500": "auditor"}.get(path, "support")
        yield path, await desk[who].fetch(path)


def test_the_canaries_lived_through_an_access_an_erasure_a_failure_and_a_dead_letter(lived: Lived) -> None:
    with zipfile.ZipFile(io.BytesIO(lived.report)) as archive:
        texts = [(name, archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    assert lived.mint.marks() & found_in(lived.mint.marks(), texts) > {lived.mint.mark}
    assert lived.erased["outcome"] == "retained_in_part"
    errors = {(each["custodian"], each["error"]) for each in lived.failed["tasks"] if each["error"]}
    assert errors == {("transaction-history", "ForeignKeyViolationError")}
    assert lived.letter["topic"] == "dsar.access.v1"
    assert all(each.is_error for each in lived.errors), [each.status_code for each in lived.errors]


def found_in(marks: set[str], texts: Sequence[Place]) -> set[str]:
    return {mark for mark in marks for _, text in texts if mark.encode() in text}


def test_no_canary_is_found_outside_the_stores_and_the_report(lived: Lived) -> None:
    assert scanner.hits(lived.mint.marks(), lived.places) == []


def test_everything_was_looked_at_that_could_give_a_canary_away(lived: Lived) -> None:
    looked_at = {name for name, content in lived.places if content}
    for log in ("orchestrator", "dispatcher-access", "dispatcher-erasure", "user-profiles", "postgres", "by-hand"):
        assert f"logs/{log}.log" in looked_at
    for topic in ("dsar.access.v1", "dsar.erasure.v1", "dsar.answers.v1", "dsar.dlq.v1"):
        assert any(name.startswith(f"kafka/data/{topic}-") and name.endswith(".log") for name in looked_at)
    for column in ("request.id", "identifier.sealed", "answer.signed", "audit_entry.leaf", "plan_line.said"):
        assert f"public.{column}" in looked_at
    assert {"audit export", "/metrics", "arguments"} <= looked_at


async def test_the_search_finds_what_is_planted_in_each_kind_of_place(machine: Machine) -> None:
    planted = Mint()
    log = machine.home / "logs" / "planted.log"
    log.write_bytes(b"{" + b64encode(b"...." + planted.text().encode() + b"."))
    connection = await asyncpg.connect(machine.database)
    await connection.execute("create table planted (body bytea, doc jsonb)")
    doc = json.dumps({"deep": [planted.text()]})
    await connection.execute("insert into planted values ($1, $2)", planted.text().encode(), doc)
    async with Sender(Connection(bootstrap=machine.kafka, client_id="tests")) as sender:
        await sender.send_raw("dsar.answers.v1", b"planted", planted.text().encode().hex().encode(), [])
    sleeper = await asyncio.create_subprocess_exec("sh", "-c", "read -r _", planted.text(), stdin=subprocess.PIPE)
    try:
        rows = [place async for place in scanner.tables(machine)]
        processes = [("arguments", each.encode()) for each in arguments().values()]
        found = scanner.hits(planted.marks(), [*scanner.files(machine), *rows, *processes])
    finally:
        await sleeper.communicate(b"\n")
        await connection.execute("drop table planted")
        await connection.close()
        log.unlink()
    where = {each.split(":")[0].split("-")[0] for each in found}
    assert where >= {"logs/planted.log", "public.planted.body", "public.planted.doc", "arguments"}
    assert any(each.startswith("kafka/data/dsar.answers.v1-") and each.endswith(": in hex") for each in found)
