"""Neighbours: who hangs or refuses everything holds nobody up; who is back catches up; who is due first leaves first.

How fast neighbours are is compared in one run, batch by batch: the usual one, a disturbed one, and again. Of each kind
the fastest counts: what else this machine does can only slow a batch down, so the fastest is the nearest to what the
system takes by itself, and more pairs only bring it nearer. What slows every disturbed batch is never hidden by it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
import pytest_asyncio

from orchestrator.domain.deadline import deadline, regime
from tests.e2e.neighbourhood import AT_ONCE, DISPATCHER, FROZEN, MISLED, NEIGHBOURS, Street, street

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(300)]  # told once, for all

BATCH: Final = 20
PAIRS_AT_LEAST, PAIRS_AT_MOST = 3, 8
USUAL_SHARE: Final = 0.9
QUEUE: Final = 10_000
HANDS: Final = 10
WITHIN_S: Final = 10.0

OPEN: Final = """
    select count(*) from task where request = any($1::uuid[]) and custodian = any($2::text[]) and state <> 'done'
"""
TOOK: Final = """
    select extract(epoch from max(since) - $3::timestamptz) from task
    where request = any($1::uuid[]) and custodian = any($2::text[])
"""
STATES: Final = "select state, count(*) as n from request where id = any($1::uuid[]) group by state"
ELSEWHERE: Final = "select count(*) from request where id = any($1::uuid[]) and state <> $2"
UNSENT: Final = """
    select not exists (
        select 1 from task t join issue i on i.task = t.id where t.request = $1 and i.sent_at is not null)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was seen, in this order."""

    usual: Sequence[float]  # the neighbours' tasks a second, batch by batch
    disturbed: Sequence[float]
    owed: int  # by the two, when the last disturbed batch was through
    letters: int  # that the misled one wrote
    states: dict[str, int]  # of all requests, after the two were back
    waited_s: float  # from the verification of the urgent one to its sending
    queued_then: int  # intents that were still waiting when it left


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    async with street(tmp_path_factory.mktemp("street") / "home") as here:
        usual, disturbed, requests, owed = await compared(here)
        letters = await brought_back(here, requests)
        states = await ended(here, requests)
        waited_s, queued_then = await urgent(here)
    yield Story(
        usual=usual, disturbed=disturbed, owed=owed, letters=letters, states=states, waited_s=waited_s,
        queued_then=queued_then,
    )  # fmt: skip


async def compared(here: Street) -> tuple[list[float], list[float], list[UUID], int]:
    usual: list[float] = []
    disturbed: list[float] = []
    asked: list[UUID] = []
    owed = 0
    asked += await a_batch(here, [])  # the first one pays for connections and caches
    while len(usual) < PAIRS_AT_LEAST or (not is_usual(usual, disturbed) and len(usual) < PAIRS_AT_MOST):
        asked += await a_batch(here, usual)
        await until_done(here, asked[-BATCH:], [*NEIGHBOURS, FROZEN, MISLED])
        here.freeze(FROZEN)
        await here.mislead(MISLED)
        asked += await a_batch(here, disturbed)
        owed = await here.owner.fetchval(OPEN, asked[-BATCH:], [FROZEN, MISLED])
        here.thaw(FROZEN)
        await until_done(here, asked, [FROZEN])
        await here.mislead(MISLED, astray=False)
    return usual, disturbed, asked, owed


def is_usual(usual: Sequence[float], disturbed: Sequence[float]) -> bool:
    return max(disturbed) >= USUAL_SHARE * max(usual)


async def a_batch(here: Street, rates: list[float]) -> list[UUID]:
    """Ask about so many people; note at which rate the neighbours' tasks end, by the database's clock."""
    requests = await here.open(BATCH)
    began = await here.owner.fetchval("select now()")  # a dispatcher that hesitates counts, too
    await here.verify(requests)
    await until_done(here, requests, NEIGHBOURS)
    rates.append(BATCH * len(NEIGHBOURS) / float(await here.owner.fetchval(TOOK, requests, NEIGHBOURS, began)))
    return requests


async def until_done(here: Street, requests: Sequence[UUID], custodians: Sequence[str]) -> None:
    await here.until(OPEN, requests, custodians)


async def brought_back(here: Street, requests: Sequence[UUID]) -> int:
    """On-call sends again what the misled custodian has refused; return how much that was."""
    oncall, letters = here.staff["oncall"], "/api/v1/dead-letters"
    listed = (await oncall.get(f"{letters}?limit=500&undecided=true"))["letters"]
    places = [f"{letters}/{each['partition']}/{each['offset']}/replay" for each in listed]
    for begin in range(0, len(places), HANDS):
        few = places[begin : begin + HANDS]
        await asyncio.gather(*(oncall.post(each, {"reason": "repaired"}) for each in few))
    await until_done(here, requests, [FROZEN, MISLED])
    return sum(each["reader"] == MISLED for each in listed)


async def ended(here: Street, requests: Sequence[UUID]) -> dict[str, int]:
    """Staff do what is theirs to do; return where the requests stand in the end."""
    await here.until(ELSEWHERE, requests, "reviewing")
    await here.decide("reviewer", "release", requests)
    await here.until(ELSEWHERE, requests, "deliverable")
    for each in requests:
        await here.staff["reviewer"].fetch(f"/api/v1/requests/{each}/report")
    return {row["state"]: row["n"] for row in await here.owner.fetch(STATES, requests)}


async def urgent(here: Street) -> tuple[float, int]:
    """Fill the queue while nothing is sent, let it be worked off, and come with a request that is due first."""
    await here.owner.execute("update custodian set disabled_at = now() where id <> $1", FROZEN)
    here.freeze(FROZEN)  # what is sent shall cost nothing here
    here.freeze(DISPATCHER)
    await asyncio.gather(*(a_queue(here, QUEUE // 2) for _ in range(2)))
    assert await here.owner.fetchval("select count(*) from outbox") == QUEUE
    here.thaw(DISPATCHER)
    [request] = await here.open(1, received_on=str(received_to_be_due_first(datetime.now(UTC).date())))  # noqa: TID251
    await here.verify([request])
    began = time.monotonic()
    await here.until(UNSENT, request)
    return time.monotonic() - began, int(await here.owner.fetchval("select count(*) from outbox"))


async def a_queue(here: Street, length: int) -> None:
    for _ in range(0, length, AT_ONCE):
        await here.verify(await here.open(AT_ONCE))


def received_to_be_due_first(today: date) -> date:
    """The day on which a request must have come in to be due tomorrow, or on the first working day after it."""
    days = [today - timedelta(days=back) for back in range(20, 40)]
    due = {day: deadline(regime("eu_gdpr"), day).due for day in days}
    return min((day for day in days if due[day] > today), key=lambda day: (due[day], day))


def test_others_end_their_tasks_at_nine_tenths_of_the_usual_rate_or_more(story: Story) -> None:
    assert story.owed == 2 * BATCH  # both owed all of it meanwhile
    assert is_usual(story.usual, story.disturbed)


def test_every_request_ends_when_the_two_are_back(story: Story) -> None:
    assert story.letters == BATCH * len(story.disturbed)
    assert story.states == {"closed": BATCH * (1 + len(story.usual) + len(story.disturbed))}


def test_who_is_due_first_leaves_first_whatever_waits(story: Story) -> None:
    assert story.waited_s <= WITHIN_S
    assert story.queued_then > QUEUE // 2  # they were behind it
