"""The drill of a restored backup: on real processes, from the dump to the last certificate.

Time is moved by what the database says: the end of a grace period is brought forward by its owner.
"""

import asyncio
import time
from base64 import b64encode
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from custodians.samples.people import person
from orchestrator.audit.fold import Folded, fold
from orchestrator.audit.leaf import parse
from orchestrator.embedded.services import Running
from orchestrator.entrypoints.machine.cast import Refused
from orchestrator.settings import Role
from tests.e2e.desk import Desk, Json, now
from tests.e2e.drills.house import House, document, dumped, rows, until
from tests.e2e.stores import Stores, everything

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(300)]

STOPPED, ERASED, AGAIN, ASKS, LATE = (person(n) for n in range(30, 35))
REFUSING = (Role.NOTARY, Role.ENGINE, Role.DISPATCHER_ERASURE)
ALL_NUMBERED = "select count(*) = 0 from audit_pending"
GRACE_OVER = "update request set grace_until = now() - interval '1 s', wake_at = now() where id = $1 returning id"
TASKS = "select id from task"
PREVIEWED = """
select not exists (select from task where request = $1 and operation = 'preview' and state in ('planned', 'issued'))
"""
SIGNATURES = """
select plan_hash, first_kid, first_at, first_signature, second_kid, second_at, second_signature
from approval where request = $1
"""


@dataclass(slots=True, kw_only=True)
class Story:
    """What was seen on the way."""

    ids: dict[str, UUID] = field(default_factory=dict)
    used: set[UUID] = field(default_factory=set)  # task ids, before the fall
    backup: set[UUID] = field(default_factory=set)  # those that the backup knows
    present: set[UUID] = field(default_factory=set)  # those that there are in the end
    effects: Stores | None = field(default=None, repr=False)
    stores: Stores | None = field(default=None, repr=False)
    refused: list[tuple[int, str]] = field(default_factory=list)
    tried: Json = field(default_factory=dict)
    recovered: Json = field(default_factory=dict)
    repeated: Json = field(default_factory=dict)
    told: str = ""
    old_signatures: list[str] = field(default_factory=list)
    shown: dict[str, Json] = field(default_factory=dict)
    held: Json = field(default_factory=dict)
    missing: int = 0  # entries that the export does not hold: at least its own
    folded: dict[str, Folded] = field(default_factory=dict)
    seconds: float = 0.0


@pytest.fixture(scope="module")
async def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("restore")
    house = House(folder / "home", {"DSAR_GRACE_SECONDS": "3600", "DSAR_WATCH_DAYS": ""})
    told, began = Story(), time.monotonic()
    with house.up() as machine:
        async with httpx2.AsyncClient(base_url=machine.url, timeout=30.0) as client:
            desk = await Desk.hired(machine, client)
            backup_at = await backed_up(house, desk, told, folder / "dump")
            given = await rows(machine, SIGNATURES, told.ids["again"])
            await gone_on(house, desk, told)
            log = await desk.export()
            (folder / "log").write_bytes(b"\n".join(log) + b"\n")
            told.used = {row[0] for row in await rows(machine, TASKS)}
            told.effects = await everything(machine)
            await until(machine, ALL_NUMBERED)  # the entry of the export itself, too
            told.missing = (await rows(machine, "select size from audit_tree"))[0][0] - len(log)
    async with house.services() as running:
        await house.fall_back(running, folder / "dump")
        given_to = ("--log", str(folder / "log"), "--backup-time", backup_at, "--reason", "drill")
        await taken_up(house, running, told, given_to)
    with house.up() as machine:
        async with httpx2.AsyncClient(base_url=machine.url, timeout=30.0) as client:
            desk = Desk(client=client, staff={name: replace(who, client=client) for name, who in desk.staff.items()})
            await ended(house, desk, told, given[0])
            told.present = {row[0] for row in await rows(machine, TASKS)}
            told.stores = await everything(machine)
    told.seconds = time.monotonic() - began
    return told


async def backed_up(house: House, desk: Desk, told: Story, dump: Path) -> str:
    """Two erasures are approved, a third waits for that, an access for its release; a dump is made."""
    for name, who in (("stopped", STOPPED), ("erased", ERASED), ("again", AGAIN)):
        told.ids[name] = await desk.open("erasure", who.email)
    told.ids["access"] = await desk.open("access", ASKS.email)
    for each in told.ids.values():
        await desk.verify(each)
    for name in ("stopped", "again"):
        await desk.approve(told.ids[name])
        await desk.until(told.ids[name], "grace")
    await desk.until(told.ids["erased"], "awaiting_approval")
    await desk.until(told.ids["access"], "reviewing")
    backup_at = now().isoformat()
    await dumped(house.machine, dump)
    told.backup = {row[0] for row in await rows(house.machine, TASKS)}
    return backup_at


async def gone_on(house: House, desk: Desk, told: Story) -> None:
    """One erasure is cancelled, one approved and done, one begun; the access is closed; somebody new asks."""
    why = {"reason": "opened twice"}
    await desk["support"].post(f"/api/v1/requests/{told.ids['stopped']}/cancel", why)
    await desk.approve(told.ids["erased"])
    await rows(house.machine, GRACE_OVER, told.ids["erased"])
    await desk.until(told.ids["erased"], "closed")
    await desk.release(told.ids["access"])
    told.ids["late"] = await desk.open("access", LATE.email)


async def taken_up(house: House, running: Running, told: Story, given: tuple[str, ...]) -> None:
    """Nothing runs on it before `dsar recover` has; a dry run does not count."""
    told.tried = document(await house.called(running, "recover", *given, "--dry-run", "--json"))
    refused = await asyncio.gather(*(house.role(running, role) for role in REFUSING))
    told.refused = [(each.returncode, each.stderr) for each in refused]
    told.recovered = document(await house.called(running, "recover", *given, "--json"))
    told.repeated = document(await house.called(running, "recover", *given, "--json"))


async def ended(house: House, desk: Desk, told: Story, given: Any) -> None:  # noqa: ANN401 - a row
    request = told.ids["again"]
    await desk.until(request, "awaiting_approval")
    plan_hash, *signatures = given
    for name, kid, at, value in (("first", *signatures[:3]), ("second", *signatures[3:])):
        body = {"plan_hash": plan_hash, "kid": kid, "signed_at": int(at.timestamp()), "signature": b64encode(value)}
        try:
            await desk[name].post(
                f"/api/v1/requests/{request}/approve", {**body, "signature": body["signature"].decode()}
            )
        except Refused as no:
            told.old_signatures.append(str(no))
    await until(house.machine, PREVIEWED, request)
    await desk.approve(request)
    await rows(house.machine, GRACE_OVER, request)
    told.held = await desk.until_blocked(request, "erasure_stopped")
    released = house.machine.cli("switch", "release", "--reason", "restore", token=desk["oncall"].token)
    assert released.returncode == 0, released.stderr
    await desk.until(request, "closed")
    told.shown = {name: await desk.show(each) for name, each in told.ids.items() if name != "late"}
    folded = fold(parse(line) for line in await desk.export() if line)
    told.folded = {str(each): one for each, one in folded.items()}


def test_nothing_runs_on_a_database_that_fell_back(story: Story) -> None:
    assert [code for code, _ in story.refused] == [1] * len(REFUSING)
    assert all("dsar recover" in said for _, said in story.refused)


def test_a_dry_run_says_the_same_and_changes_nothing(story: Story) -> None:
    varies = {"dry_run", "generation", "answers_read_again", "release_after"}
    assert story.tried["dry_run"]
    assert {k: v for k, v in story.tried.items() if k not in varies} == {
        k: v for k, v in story.recovered.items() if k not in varies
    }


def test_it_is_said_what_was_closed_again_and_who_must_be_asked_again(story: Story) -> None:
    assert set(story.recovered["closed_again"]) == {str(story.ids[name]) for name in ("stopped", "erased", "access")}
    assert [(each["id"], each["kind"]) for each in story.recovered["lost"]] == [(str(story.ids["late"]), "access")]
    assert story.recovered["lost"][0]["due"] > story.recovered["lost"][0]["received_on"]
    assert story.recovered["numbers_lost"] == story.missing > 0
    assert story.recovered["answers_read_again"] > 0


def test_to_repeat_it_changes_nothing(story: Story) -> None:
    assert story.repeated["done_before"]
    assert story.repeated["generation"] == story.recovered["generation"]


def test_what_was_cancelled_is_not_erased(story: Story) -> None:
    assert story.shown["stopped"]["outcome"] == "cancelled"
    assert story.effects is not None
    assert story.stores is not None
    assert story.stores.of(STOPPED.customer) == story.effects.of(STOPPED.customer) != []


def test_what_was_closed_since_ends_as_it_had_ended(story: Story) -> None:
    ends = {name: (each["state"], each["outcome"]) for name, each in story.shown.items()}
    assert ends["access"] == ("closed", "fulfilled")
    assert ends["erased"] == ends["again"]
    assert ends["again"][0] == "closed"


def test_no_old_signature_fits(story: Story) -> None:
    assert len(story.old_signatures) == 2


def test_nothing_is_erased_before_the_switch_is_released(story: Story) -> None:
    assert (story.held["state"], story.held["blocked_by"]) == ("grace", "erasure_stopped")


def test_no_task_id_of_the_lost_time_is_used_again(story: Story) -> None:
    assert story.used - story.backup
    assert not (story.present - story.backup) & story.used


def test_who_asked_again_is_erased_and_nobody_else(story: Story) -> None:
    assert story.effects is not None
    assert story.stores is not None
    assert len(story.stores.of(AGAIN.customer)) < len(story.effects.of(AGAIN.customer))
    assert story.stores.of_others(AGAIN.customer) == story.effects.of_others(AGAIN.customer)


def test_the_log_tells_one_story_over_the_fall(story: Story) -> None:
    shown = {each["id"]: (each["state"], each["version"], each["outcome"]) for each in story.shown.values()}
    assert {id_: (one.state, one.version, one.outcome) for id_, one in story.folded.items()} == shown
