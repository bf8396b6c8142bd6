"""The drill of a broker that comes back with an empty data folder, while everything else runs on.

Time is moved by what the database says: the lease of what was sent is brought to its end by its owner.
"""

import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import httpx2
import pytest

from contracts.bus.connection import Connection
from custodians.samples.people import person
from orchestrator.embedded import kafka
from orchestrator.embedded.home import Home, read_run
from orchestrator.embedded.jars import default_repository, listed_jars, resolve_jars
from orchestrator.embedded.java import find_java
from orchestrator.embedded.ports import is_free
from orchestrator.embedded.process import polled
from orchestrator.entrypoints.topics import make_topics
from tests.e2e.desk import Desk, Json, now
from tests.e2e.drills.house import House, rows, until
from tests.e2e.program import Machine

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(300)]

AWAY = "recommendation-logs"
ASKS, LEAVES, MEANWHILE = (person(n) for n in range(35, 38))
ASKED = """
select t.custodian, max(i.no) from task t join issue i on i.task = t.id where t.request = $1 group by t.custodian
"""
ONLY_AWAY_OWES = """
select count(*) = 1 and bool_and(custodian = 'recommendation-logs') and bool_and(state = 'issued')
from task where request = $1 and state in ('planned', 'issued')
"""
LEASE_OVER = """
with sent as (update issue set issued_at = issued_at - interval '1 day', sent_at = sent_at - interval '1 day'
              where task in (select id from task where state = 'issued') returning task)
update task set wake_at = now() where id in (select task from sent) returning id
"""

LOOK_AGAIN = "update task set wake_at = now() where state = 'issued' returning id"  # instead of waiting for a minute


@dataclass(slots=True, kw_only=True)
class Story:
    """What was seen on the way."""

    before: dict[str, int] = field(default_factory=dict)  # how often each custodian was asked
    while_away: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    ended: dict[str, Json] = field(default_factory=dict)
    letters: int = 0
    seconds: float = 0.0


@pytest.fixture(scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    house = House(tmp_path_factory.mktemp("wiped") / "home", {"DSAR_GRACE_SECONDS": "0", "DSAR_WATCH_DAYS": ""})
    told, began = Story(), time.monotonic()
    with house.up("--without", AWAY) as machine:
        async with httpx2.AsyncClient(base_url=machine.url, timeout=30.0) as client:
            desk = await Desk.hired(machine, client)
            access, erasure = await desk.open("access", ASKS.email), await desk.open("erasure", LEAVES.email)
            for each in (access, erasure):
                await desk.verify(each)
            for each in (access, erasure):
                await until(machine, ONLY_AWAY_OWES, each)
            told.before = await asked(machine, access)
            meanwhile = await wiped(house, desk)
            await rows(machine, LEASE_OVER)
            told.while_away = await asked(machine, access)
            await back(machine, desk)
            await desk.release(access)
            await desk.approve(erasure)
            await desk.until(erasure, "closed")
            await desk.release(meanwhile)
            told.after = await asked(machine, access)
            told.ended = {
                name: await desk.show(each)
                for name, each in (("access", access), ("erasure", erasure), ("meanwhile", meanwhile))
            }
            told.letters = len((await desk["oncall"].get("/api/v1/dead-letters"))["letters"])
    told.seconds = time.monotonic() - began
    return told


async def asked(machine: Machine, request: UUID) -> dict[str, int]:
    """How often the newest command of each custodian was sent."""
    return {row[0]: row[1] for row in await rows(machine, ASKED, request)}


async def wiped(house: House, desk: Desk) -> UUID:
    """Kill the broker, take its data away, and have it started anew; meanwhile somebody asks."""
    home = Home(house.home)
    os.kill(house.supervisor, signal.SIGSTOP)  # or it would start the broker again before the folder is empty
    broker = read_run(house.home).processes[kafka.NAME].identity
    os.kill(broker.pid, signal.SIGKILL)
    await polled(partial(is_gone, home))
    shutil.rmtree(house.home / "kafka" / "data")
    request = await desk.open("access", MEANWHILE.email)
    await desk.verify(request)
    await formatted(home)
    os.kill(house.supervisor, signal.SIGCONT)
    await polled(lambda: kafka.answers(home.port(kafka.NAME)))
    await make_topics(Connection(bootstrap=house.machine.kafka, client_id="drill"))  # `dsar db topics`
    return request


async def is_gone(home: Home) -> bool:
    return is_free(home.port(kafka.NAME))


async def formatted(home: Home) -> None:
    """An empty data folder is formatted first: what `dsar up` does where there is none."""
    jars = resolve_jars(listed_jars(), default_repository())
    await kafka._format(home, (await find_java(), *kafka.JVM, "-cp", os.pathsep.join(map(str, jars))))


async def back(machine: Machine, desk: Desk) -> None:
    since = now()
    machine.worker.start()
    await desk.heard(AWAY, since=since)
    await rows(machine, LOOK_AGAIN)


def test_nothing_is_sent_into_silence(story: Story) -> None:
    assert story.while_away == story.before


def test_what_the_broker_lost_is_sent_again_once_and_only_to_who_owes_it(story: Story) -> None:
    assert story.after == {**story.before, AWAY: story.before[AWAY] + 1}


def test_every_request_ends(story: Story) -> None:
    assert {name: each["state"] for name, each in story.ended.items()} == dict.fromkeys(story.ended, "closed")
    assert story.ended["access"]["outcome"] == story.ended["meanwhile"]["outcome"] == "fulfilled"


def test_nothing_becomes_a_dead_letter(story: Story) -> None:
    assert story.letters == 0
