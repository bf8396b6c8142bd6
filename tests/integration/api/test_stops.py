"""Stops at the door: who may turn a switch, what is said of it, and what a dry run leaves alone."""

import pytest

from tests.integration.api.world import Json, World

INCIDENT: Json = {"reason": "incident", "ticket": "OPS-12"}
RESOLVED: Json = {"reason": "resolved"}
NOTHING: Json = {
    "requests_in_grace": 0,
    "requests_erasing": 0,
    "tasks_planned": 0,
    "tasks_held_back": 0,
    "tasks_sent": 0,
    "approvals_lapse_from": None,
}


async def turned(world: World, who: str, path: str, body: Json) -> Json:
    answer = await world.call(who, "POST", path, body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def switches(world: World) -> dict[tuple[str, str], Json]:
    listed: list[Json] = (await world.call("support", "GET", "/switches")).json()["switches"]
    return {(each["scope"], each["what"]): each for each in listed}


async def told(world: World) -> list[Json]:
    """What the log says of switches, oldest first."""
    events = ("switch.stopped", "switch.released", "custodian.paused", "custodian.resumed")
    return [each for each in reversed(await world.entries()) if each["type"] in events]


async def test_a_stop_is_listed_with_who_and_why_and_logged(world: World) -> None:
    assert (await switches(world))["*", "erasure"]["stopped"] is False
    first = await turned(world, "oncall", "/switches/stop", INCIDENT)
    assert (first["changed"], first["settled"], first["touched"]) == (True, True, NOTHING)
    again = await turned(world, "admin", "/switches/stop", {"reason": "drill"})
    assert again["changed"] is False
    stands = (await switches(world))["*", "erasure"]
    assert (stands["stopped"], stands["by"], stands["why"], stands["ticket"]) == (True, "oncall", "incident", "OPS-12")
    (entry,) = await told(world)
    assert (entry["actor"], entry["facts"]) == ("oncall", {"scope": "*", "why": "incident", "ticket": "OPS-12"})


async def test_who_stopped_erasing_does_not_release_it(world: World) -> None:
    await turned(world, "oncall", "/switches/stop", INCIDENT)
    refused = await world.call("oncall", "POST", "/switches/release", RESOLVED)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:dsar:forbidden")
    tried = await world.call("oncall", "POST", "/switches/release", RESOLVED | {"dry_run": True})
    assert tried.status_code == 403
    assert (await switches(world))["*", "erasure"]["stopped"] is True
    assert (await turned(world, "admin", "/switches/release", RESOLVED))["changed"] is True


async def test_somebody_else_on_call_releases_it(world: World) -> None:
    await turned(world, "everything", "/switches/stop", INCIDENT)
    assert (await turned(world, "oncall", "/switches/release", RESOLVED))["changed"] is True
    assert [each["type"] for each in await told(world)] == ["switch.stopped", "switch.released"]


async def test_a_pause_is_shown_with_its_custodian_and_ended_by_who_began_it(world: World) -> None:
    await world.admitted()
    await turned(world, "oncall", "/custodians/crm/pause", {"reason": "maintenance"})
    await turned(world, "oncall", "/switches/stop", INCIDENT | {"custodian": "crm"})
    (crm,) = (await world.call("support", "GET", "/custodians")).json()["custodians"]
    assert (crm["paused"], crm["erasure_stopped"]) == (True, True)
    assert set(await switches(world)) == {("*", "erasure"), ("crm", "erasure"), ("crm", "commands")}
    await turned(world, "oncall", "/custodians/crm/resume", RESOLVED)
    (crm,) = (await world.call("support", "GET", "/custodians")).json()["custodians"]
    assert (crm["paused"], crm["erasure_stopped"]) == (False, True)
    entries = [(each["type"], each["custodian"]) for each in await told(world)]
    assert entries == [(each, "crm") for each in ("custodian.paused", "switch.stopped", "custodian.resumed")]


async def test_a_dry_run_counts_and_changes_nothing(world: World) -> None:
    request = await world.awaiting_approval()
    for who in ("approver", "second"):
        await world.call(who, "POST", f"/requests/{request}/approve", await world.approval(request, who))
    tried = await turned(world, "oncall", "/switches/stop", INCIDENT | {"dry_run": True})
    assert (tried["changed"], tried["dry_run"], tried["settled"]) == (True, True, None)
    assert tried["touched"]["requests_in_grace"] == 1
    assert tried["touched"]["approvals_lapse_from"] is not None
    assert (await switches(world))["*", "erasure"]["stopped"] is False
    assert await told(world) == []


async def test_what_is_planned_and_what_is_sent_is_counted_for_one_custodian(world: World) -> None:
    await world.verified()
    paused = await turned(world, "oncall", "/custodians/crm/pause", {"reason": "overload", "dry_run": True})
    assert paused["touched"] == NOTHING | {"tasks_planned": 1}
    stopped = await turned(world, "oncall", "/switches/stop", INCIDENT | {"custodian": "crm", "dry_run": True})
    assert stopped["touched"] == NOTHING


@pytest.mark.parametrize("path", ["/custodians/nobody/pause", "/custodians/nobody/resume"])
async def test_nobody_pauses_a_custodian_that_is_none(world: World, path: str) -> None:
    assert (await world.call("oncall", "POST", path, INCIDENT)).status_code == 404


async def test_a_switch_is_for_everybody_or_for_a_custodian_that_there_is(world: World) -> None:
    answer = await world.call("oncall", "POST", "/switches/stop", INCIDENT | {"custodian": "nobody"})
    assert answer.status_code == 404
    for unfit in ("*", "a b", "crm\u0000", ""):
        answer = await world.call("oncall", "POST", "/switches/stop", INCIDENT | {"custodian": unfit})
        assert answer.status_code == 422, unfit


@pytest.mark.parametrize(
    "unfit",
    [
        {"reason": "he asked me to"},
        {"reason": "incident", "ticket": "see jane"},
        {"reason": "incident", "ticket": "jane.canary@example.com"},
        {"reason": "incident", "ticket": "+4930123456"},
        {"reason": "incident", "why": "because"},
        {},
    ],
    ids=range(6),
)
async def test_a_reason_has_no_room_for_anything_about_anybody(world: World, unfit: Json) -> None:
    answer = await world.call("oncall", "POST", "/switches/stop", unfit)
    assert answer.status_code == 422
    assert "jane" not in answer.text
    assert await told(world) == []


@pytest.mark.parametrize("ticket", ["OPS-12", "INC0012345", "AB-1"])
async def test_the_number_of_a_ticket_is_kept(world: World, ticket: str) -> None:
    await turned(world, "oncall", "/switches/stop", {"reason": "drill", "ticket": ticket})
    assert (await switches(world))["*", "erasure"]["ticket"] == ticket
