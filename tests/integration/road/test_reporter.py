"""A report is built once, from what was frozen; a reporter that dies half-way leaves it to the next."""

import asyncio
import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import event, text

from contracts.ids import RequestId
from contracts.parts import SealedNotes
from contracts.sealing import open_sealed
from orchestrator.domain.errors import Conflict
from orchestrator.domain.request import Kind, Outcome, State
from orchestrator.entrypoints import reporter
from orchestrator.report.pieces import decrypt_pieces
from orchestrator.settings import Role
from orchestrator.store import keys, session
from orchestrator.store.reports import Built
from orchestrator.store.session import connect, transactions
from orchestrator.vault.blobs import Blob, Blobs, NotStored, Stored, report_name
from orchestrator.vault.keys import KeyUse, unwrap
from tests.integration.road.people import asked, ended, fetched, released, state, the_usual, withdrawn
from tests.integration.road.world import World
from tests.integration.store.databases import as_role

WITHIN_S = 20.0


class SlowBlobs(Blobs):
    """An object store that takes its time with what is put there, until it is let go."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def put_many(self, blobs: Sequence[Blob]) -> list[Stored | NotStored]:
        stored = await super().put_many(blobs)
        self.reached.set()
        await self.go.wait()
        return stored


class Died(BaseException):
    """The process has ended."""


async def wanted(world: World) -> RequestId:
    """An access whose report is wanted, and not begun."""
    await the_usual(world)
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    await released(world, request)
    return request


async def building(world: World, blobs: SlowBlobs) -> asyncio.Task[int]:
    """A reporter that has written a piece and hangs."""
    task = asyncio.create_task(world.a_reporter(blobs).once())
    async with asyncio.timeout(WITHIN_S):
        await blobs.reached.wait()
    return task


async def archive(world: World, request: RequestId, report: Built) -> bytes:
    """The plain ZIP, as its reader unpacks it."""
    async with transactions(world.owner)() as tx:
        pair = (await keys.of_request(tx, request)).reply
    assert pair.wrapped is not None
    opener = await unwrap(world.reply, request, KeyUse.REPLY, pair.wrapped)
    notes = SealedNotes.model_validate_json(open_sealed(report.sealed_key, key=opener, apv=str(request)))
    key = notes.key() or b""
    pieces = ((await world.blobs.get(report_name(request, report.n, key, n))) for n in range(report.parts))
    return b"".join([chunk async for chunk in decrypt_pieces(key, pieces, request=request)])


async def test_the_report_holds_what_was_found_about_the_person_and_about_nobody_else(world: World) -> None:
    request = await wanted(world)
    await world.drive()
    report = await fetched(world, request)
    plain = await archive(world, request, report)
    assert (sha256(plain).hexdigest(), len(plain)) == (report.digest, report.size)
    with zipfile.ZipFile(io.BytesIO(plain)) as files:
        orders, profiles = files.read("orders/stuff.json"), files.read("profiles/stuff.json")
    assert [key in orders for key in (b'"o1"', b'"o2"', b'"o3"')] == [True, True, False]
    assert b'"p1"' in profiles


async def test_a_reporter_that_is_stopped_half_way_leaves_the_report_to_the_next(world: World) -> None:
    request = await wanted(world)
    stuck = await building(world, SlowBlobs((world.folder / "blobs").as_uri()))
    assert await world.reporter.once() == 0  # somebody is at it
    stuck.cancel()
    await asyncio.gather(stuck, return_exceptions=True)
    assert await state(world, request) is State.REPORTING
    assert await world.reporter.once() == 1
    assert await world.reporter.once() == 0
    report = await fetched(world, request)
    plain = await archive(world, request, report)
    assert sha256(plain).hexdigest() == report.digest
    assert (await world.events(request)).count("report.built") == 1


async def test_a_report_that_takes_longer_than_a_transaction_is_built_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ASKED_EACH_S", 0.2)
    request, blobs = await wanted(world), SlowBlobs((world.folder / "blobs").as_uri())
    hurried = connect(as_role(world.url, Role.REPORTER), transaction_s=1)
    slow = asyncio.create_task(
        replace(world.a_reporter(blobs), transaction=transactions(hurried, transaction_s=1)).once()
    )
    await asyncio.wait_for(blobs.reached.wait(), WITHIN_S)
    await asyncio.sleep(2.5)
    assert await world.reporter.once() == 0  # its lock is held all the time
    blobs.go.set()
    assert await slow == 1
    assert await state(world, request) is State.DELIVERABLE
    await hurried.dispose()


async def test_the_next_try_makes_the_same_plain_archive(world: World) -> None:
    request = await wanted(world)
    seen: list[object] = []

    def die(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:  # noqa: ANN401 - a hook
        if "state = 'built'" in statement:
            seen.extend(values)
            raise Died

    hook = world.engines[Role.REPORTER].sync_engine, "before_cursor_execute", die
    event.listen(*hook)
    with pytest.raises(Died):
        await world.reporter.once()
    event.remove(*hook)
    assert await world.reporter.once() == 1
    report = await fetched(world, request)
    assert [report.digest] in seen
    assert [report.size] in seen
    assert [report.sealed_key] not in seen  # a content key is never used twice


async def test_many_are_built_in_one_turn_and_one_that_cannot_be_read_fails_alone(world: World) -> None:
    await the_usual(world)
    requests = [await asked(world, Kind.ACCESS) for _ in range(3)]
    await world.drive()
    for each in requests:
        await released(world, each)
    broken = next(each for each in (world.folder / "blobs" / str(requests[1])).rglob("*") if each.is_file())
    broken.write_bytes(b"not what was uploaded")
    locks: list[str] = []
    hook = world.engines[Role.REPORTER].sync_engine, "before_cursor_execute", lambda *given: locks.append(given[2])
    event.listen(*hook)
    assert await world.reporter.once() == 3
    event.remove(*hook)
    assert sum("from request where" in each for each in locks) == 2  # to gather, and to end all of them in their order
    assert [await state(world, each) for each in requests] == [State.DELIVERABLE, State.REPORTING, State.DELIVERABLE]
    assert "report.failed" in await world.events(requests[1])


async def test_a_large_report_has_a_turn_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporter, "AT_ONCE_BYTES", 1)
    await the_usual(world)
    requests = [await asked(world, Kind.ACCESS) for _ in range(2)]
    await world.drive()
    for each in requests:
        await released(world, each)
    await world.reporter.once()
    assert [await state(world, each) for each in requests] == [State.DELIVERABLE, State.REPORTING]
    await world.reporter.once()
    assert [await state(world, each) for each in requests] == [State.DELIVERABLE, State.DELIVERABLE]


async def test_a_late_answer_between_two_tries_changes_nothing_of_the_report(world: World) -> None:
    _, orders = await the_usual(world)
    orders.silent = True
    request = await asked(world, Kind.ACCESS)
    await world.drive()
    late = await world.answered_by(orders)
    await released(world, request, in_part=True)
    world.put(late)
    await world.file()
    await world.drive()
    report = await fetched(world, request)
    with zipfile.ZipFile(io.BytesIO(await archive(world, request, report))) as files:
        assert [name for name in files.namelist() if name.startswith("orders/") and name.endswith(".json")] == []
        assert b"orders" in files.read("index.html")


async def test_a_report_that_was_withdrawn_while_it_was_built_is_offered_to_nobody(world: World) -> None:
    request = await wanted(world)
    blobs = SlowBlobs((world.folder / "blobs").as_uri())
    stuck = await building(world, blobs)
    await withdrawn(world, request)
    blobs.go.set()
    await stuck
    assert await ended(world, request) is Outcome.WITHDRAWN
    with pytest.raises(Conflict):
        await fetched(world, request)
    assert "report.built" not in await world.events(request)
    async with transactions(world.owner)() as tx:
        waiting = (await tx.connection.execute(text("select count(*) from report where state = 'wanted'"))).scalar_one()
    assert waiting == 0
