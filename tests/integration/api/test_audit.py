"""The log through the API: looked at newest first, taken away byte by byte, and dead letters decided on in it."""

import json

from orchestrator.audit.leaf import parse
from tests.integration.api.box import a_letter
from tests.integration.api.world import World

WHY = {"reason": "repaired", "ticket": "OPS-12"}


async def test_the_newest_entries_come_first_and_of_one_request_if_wanted(world: World) -> None:
    request = await world.verified()
    await world.opened()
    everything = await world.entries()
    own = (await world.call("auditor", "GET", f"/audit?request={request}")).json()["entries"]
    assert everything[0]["at"] >= everything[-1]["at"]
    assert {each["leaf"]["request"] for each in own} == {str(request)}
    assert sorted(each["leaf"]["n"] for each in own) == [1, 2, 3]
    assert [each["seq"] for each in own] == sorted((each["seq"] for each in own), reverse=True)


async def test_pages_of_the_log_follow_each_other_without_a_gap(world: World) -> None:
    await world.verified()
    total = len(await world.entries())
    seen: list[int] = []
    before = ""
    while len(seen) < total:
        page = (await world.call("auditor", "GET", f"/audit?limit=3{before}")).json()
        seen += [each["seq"] for each in page["entries"]]
        before = f"&before={page['next']}"
    assert seen == list(range(total - 1, -1, -1))


async def test_an_export_holds_every_leaf_as_it_is_hashed_and_is_an_entry_itself(world: World) -> None:
    await world.verified()
    before = len(await world.entries())
    answer = await world.call("auditor", "GET", "/audit/export")
    lines = answer.content.splitlines()
    [exported] = [each for each in await world.entries() if each["type"] == "log.exported"]
    assert len(lines) == before == int(answer.headers["x-dsar-entries"])
    assert [parse(line).version >= 0 for line in lines]
    assert (exported["actor"], exported["facts"]) == ("auditor", {"entries": before})


async def test_the_log_holds_nothing_of_the_person(world: World) -> None:
    await world.verified()
    assert "canary" not in json.dumps(await world.entries()).lower()


async def test_a_dead_letter_is_shown_without_its_content(world: World) -> None:
    world.box.letters.append(a_letter())
    listed = await world.call("oncall", "GET", "/dead-letters")
    shown = await world.call("oncall", "GET", "/dead-letters/0/3")
    assert listed.json()["letters"] == [shown.json()]
    assert (shown.json()["refusal"], shown.json()["headers"]) == ("bad_signature", ["kid"])
    assert "c2VjcmV0" not in shown.text


async def test_a_dead_letter_is_sent_again_with_an_entry_as_often_as_need_be(world: World) -> None:
    world.box.letters.append(a_letter())
    await world.call("oncall", "POST", "/dead-letters/0/3/replay", WHY)
    again = await world.call("oncall", "POST", "/dead-letters/0/3/replay", WHY)
    logged = [each for each in await world.entries() if each["type"] == "dead_letter.replayed"]
    assert again.json()["decided"]["by"] == "oncall"
    assert (len(world.box.replayed), len(logged)) == (2, 2)


async def test_a_dead_letter_that_could_not_be_sent_says_so_and_may_be_tried_again(world: World) -> None:
    world.box.letters.append(a_letter())
    world.box.broken = True
    failed = await world.call("oncall", "POST", "/dead-letters/0/3/replay", WHY)
    world.box.broken = False
    again = await world.call("oncall", "POST", "/dead-letters/0/3/replay", WHY)
    assert (failed.status_code, failed.json()["type"], again.status_code) == (503, "urn:dsar:unreachable", 200)


async def test_a_dropped_letter_stays_dropped(world: World) -> None:
    world.box.letters.append(a_letter())
    dropped = await world.call("oncall", "POST", "/dead-letters/0/3/drop", WHY)
    replayed = await world.call("oncall", "POST", "/dead-letters/0/3/replay", WHY)
    undecided = await world.call("oncall", "GET", "/dead-letters?undecided=true")
    assert (dropped.status_code, replayed.status_code) == (200, 409)
    assert undecided.json()["letters"] == []
    assert world.box.replayed == []


async def test_a_letter_that_is_not_there_is_not_found(world: World) -> None:
    answer = await world.call("oncall", "GET", "/dead-letters/0/9")
    assert answer.status_code == 404
