"""The drill of a custodian back after three weeks: its place is kept, its backlog skipped, its work asked for again.

Time is moved by making things old: the commands are composed by a dispatcher whose clock is three weeks behind, as they
would lie on the topic by now, and the custodian's last heartbeat is dated before them.
"""

import os
import secrets
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.bus.connection import Connection
from contracts.bus.sender import Sender
from contracts.command import Lane
from contracts.ids import CommandId
from contracts.topics import TOPICS, Channel
from custodians.samples.people import Person, person
from orchestrator.domain.case import Policy
from orchestrator.embedded.home import read_run
from orchestrator.entrypoints.dispatcher import Dispatcher
from orchestrator.entrypoints.machine.household import Household
from orchestrator.settings import Role, Settings
from orchestrator.store.session import Transaction, Transactions, connect, transactions
from orchestrator.wiring import Wiring
from tests.e2e.desk import Desk, Json, now
from tests.e2e.drills.house import House, rows, until
from tests.e2e.program import Machine

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(300)]

AWAY = "recommendation-logs"
ENGINE = "orchestrator"
DISPATCHER = "dispatcher-access"
THREE_WEEKS = timedelta(days=21)
MONTH_MINUTES = 30 * 24 * 60
ASKS = [person(n) for n in range(38, 41)]
ISSUES = "select t.custodian, count(*) from issue i join task t on t.id = i.task where t.request = $1 group by 1"
SILENT = "update heartbeat set heard_at = heard_at - interval '22 days' where custodian = $1 returning custodian"
OLD_KEYS = "update custodian_key set not_before = not_before - interval '22 days' returning kid"
LOOK_AGAIN = "update task set wake_at = now() where state = 'issued' returning id"  # instead of waiting for a minute
ONLY_AWAY_OWES = """
select count(*) = 1 and bool_and(custodian = 'recommendation-logs') from task
where request = $1 and state in ('planned', 'issued')
"""


@dataclass(slots=True, kw_only=True)
class Story:
    """What was seen on the way."""

    place: tuple[int, int] = (0, 0)  # of the custodian's group before its return: read, written
    place_after: tuple[int, int] = (0, 0)
    kept_minutes: int = 0
    while_away: list[dict[str, int]] = field(default_factory=list)  # sendings, by custodian, of each request
    after: list[dict[str, int]] = field(default_factory=list)
    said: str = ""  # by the custodian, after its return
    letters: int = 0
    ended: list[Json] = field(default_factory=list)
    seconds: float = 0.0


@pytest.fixture(scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("three-weeks")
    house = House(folder / "home", {"DSAR_GRACE_SECONDS": "0", "DSAR_WATCH_DAYS": ""})
    told, began = Story(), time.monotonic()
    with house.up("--without", AWAY) as machine:
        bus = Connection(bootstrap=machine.kafka, client_id="drill")
        async with httpx2.AsyncClient(base_url=machine.url, timeout=30.0) as client:
            desk = await Desk.hired(machine, client)
            await lived(machine, desk)
            told.kept_minutes = await retention(bus)
            requests = await asked_long_ago(machine, desk)
            told.place = await place(bus)
            told.while_away = [await sendings(machine, each) for each in requests]
            await came_back(machine, desk, told)
            for each in requests:
                await desk.release(each)
            told.after = [await sendings(machine, each) for each in requests]
            told.place_after = await place(bus)
            told.ended = [await desk.show(each) for each in requests]
            told.letters = len((await desk["oncall"].get("/api/v1/dead-letters"))["letters"])
    told.seconds = time.monotonic() - began
    return told


async def lived(machine: Machine, desk: Desk) -> None:
    """It has worked once, and was stopped in order."""
    machine.worker.start()
    await desk.access(person(41).email)
    machine.worker.stop()


async def asked_long_ago(machine: Machine, desk: Desk) -> list[UUID]:
    """Three people ask; the commands that leave are three weeks old, and so is the custodian's last sign of life."""
    pids = {name: each.identity.pid for name, each in read_run(machine.home).processes.items()}
    os.kill(pids[DISPATCHER], signal.SIGSTOP)
    requests = [await desk.open("access", each.email, *known(each)) for each in ASKS]
    for each in requests:
        await desk.verify(each)
    await rows(machine, SILENT, AWAY)
    await rows(machine, OLD_KEYS)
    os.kill(pids[ENGINE], signal.SIGSTOP)  # it would find what is sent so late to be lost, before it is marked as sent
    async with an_old_dispatcher(machine) as dispatcher:
        while await dispatcher.once():
            pass
    for name in (ENGINE, DISPATCHER):
        os.kill(pids[name], signal.SIGCONT)
    for each in requests:
        await until(machine, ONLY_AWAY_OWES, each)
    return requests


def known(asks: Person) -> list[tuple[str, str]]:
    """All that names them beside: everybody is asked in the first round, and nobody finds anything new."""
    return [("customer_id", asks.customer), *(("device_id", each.id) for each in asks.devices)]


@asynccontextmanager
async def an_old_dispatcher(machine: Machine) -> AsyncIterator[Dispatcher]:
    """A dispatcher of this very system, whose clock is three weeks behind."""
    settings = Settings.read(home=machine.home)
    wiring = Wiring(settings)
    engine = connect(Household(machine.home).url_of(Role.DISPATCHER_ACCESS, machine.database))
    connection = Connection(bootstrap=machine.kafka, client_id="drill")
    try:
        async with Sender(connection) as sender:
            yield Dispatcher(
                lane=Lane.ACCESS,
                transaction=behind(transactions(engine)),
                policy=Policy(environment=settings.environment),
                trust=dict,
                signer=wiring.command_key(Lane.ACCESS),
                link_kms=wiring.link_kms,
                blind_key=wiring.blind_key,
                sender=sender,
                upload_url=machine.url,
                new_command=lambda: CommandId(uuid4()),
                new_bearer=partial(secrets.token_urlsafe, 32),
            )
    finally:
        await engine.dispose()


def behind(real: Transactions) -> Transactions:
    @asynccontextmanager
    async def shifted() -> AsyncIterator[Transaction]:
        async with real() as tx:
            yield replace(tx, now=tx.now - THREE_WEEKS)

    return shifted


async def came_back(machine: Machine, desk: Desk, told: Story) -> None:
    log = machine.home / "logs" / "by-hand.log"
    earlier = len(log.read_text())
    since = now()
    machine.worker.start()
    await desk.heard(AWAY, since=since)
    await rows(machine, LOOK_AGAIN)
    for each in desk.opened[-len(ASKS) :]:
        await desk.until(each, "reviewing")
    told.said = log.read_text()[earlier:]


async def sendings(machine: Machine, request: UUID) -> dict[str, int]:
    return {row[0]: row[1] for row in await rows(machine, ISSUES, request)}


async def place(bus: Connection) -> tuple[int, int]:
    """How far the custodian's group has read its commands, and how many there are."""
    topic = bus.topic(Channel.ACCESS)
    parts = [TopicPartition(topic, n) for n in range(TOPICS[Channel.ACCESS].partitions)]
    client = AIOKafkaConsumer(**bus.client_options(), group_id=AWAY, enable_auto_commit=False)
    await client.start()
    try:
        ends = await client.end_offsets(parts)
        return sum([await client.committed(part) or 0 for part in parts]), sum(ends.values())
    finally:
        await client.stop()


async def retention(bus: Connection) -> int:
    """How long the broker keeps the place of a group that is away."""
    admin = AIOKafkaAdminClient(**bus.client_options())
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")])
        [(_, _, _, _, told)] = answer.resources
        return next(int(each[1]) for each in told if each[0] == "offsets.retention.minutes")
    finally:
        await admin.close()


def test_its_place_is_kept_for_longer_than_a_month(story: Story) -> None:
    assert story.kept_minutes >= MONTH_MINUTES
    read, written = story.place
    assert 0 < read < written


def test_nothing_is_sent_to_who_is_silent_and_the_others_are_not_kept_waiting(story: Story) -> None:
    assert [each[AWAY] for each in story.while_away] == [1] * len(ASKS)
    assert {count for each in story.while_away for name, count in each.items() if name != AWAY} == {2}


def test_what_has_expired_is_skipped_and_counted_and_no_dead_letter(story: Story) -> None:
    assert story.said.count('"expired": 0') < story.said.count('"expired"')
    assert story.letters == 0
    read, written = story.place_after
    assert read == written


def test_each_request_is_asked_of_it_exactly_once_more(story: Story) -> None:
    assert [each[AWAY] for each in story.after] == [2] * len(ASKS)


def test_every_request_ends(story: Story) -> None:
    assert [(each["state"], each["outcome"]) for each in story.ended] == [("closed", "fulfilled")] * len(ASKS)
