"""Many decided at once: a row that is refused says why, and the others are decided all the same."""

from uuid import UUID, uuid4

from contracts.command import Operation
from orchestrator.domain.plan import hash_of
from tests.integration.api.world import FOUND, VERDICT, World


async def test_every_row_of_a_batch_of_verdicts_has_its_own_result(world: World) -> None:
    await world.admitted()
    confirmed, failed, stranger = await world.opened(), await world.opened("erasure"), uuid4()
    rows = [
        VERDICT | {"id": str(confirmed)},
        VERDICT | {"id": str(failed), "result": "failed"},
        VERDICT | {"id": str(stranger)},
    ]
    told = (await world.call("verifier", "POST", "/requests/verify", {"requests": rows})).json()["results"]
    assert [(each["id"], each["status"], each["state"], each["outcome"]) for each in told] == [
        (str(confirmed), 200, "searching", None),
        (str(failed), 200, "closed", "unverified"),
        (str(stranger), 404, None, None),
    ]


async def test_who_is_verified_already_does_not_stop_the_others(world: World) -> None:
    before, fresh = await world.verified(), await world.opened()
    rows = [VERDICT | {"id": str(each)} for each in (before, fresh)]
    told = (await world.call("verifier", "POST", "/requests/verify", {"requests": rows})).json()["results"]
    assert [(each["status"], each["state"]) for each in told] == [(409, None), (200, "searching")]
    assert told[0]["problem"]["type"] == "urn:dsar:wrong_state"


async def test_what_was_seen_stays_sealed_in_a_batch_too(world: World) -> None:
    await world.admitted()
    rows = [VERDICT | {"id": str(await world.opened()), "evidence": "passport of Canary Sealed"}]
    answer = await world.call("verifier", "POST", "/requests/verify", {"requests": rows})
    entries = await world.entries()
    assert "Canary Sealed" not in answer.text + str(entries)
    assert [each["c"] is not None for each in entries if each["type"] == "identity.confirmed"] == [True]


async def test_a_request_named_twice_is_refused_whole(world: World) -> None:
    await world.admitted()
    request = await world.opened()
    rows = [VERDICT | {"id": str(request)}, VERDICT | {"id": str(request), "result": "failed"}]
    answer = await world.call("verifier", "POST", "/requests/verify", {"requests": rows})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dsar:invalid_input")
    assert await _state(world, request) == "received"


async def test_many_are_released_and_each_report_is_wanted_once(world: World) -> None:
    ready, unfinished = [await _reviewing(world), await _reviewing(world)], await world.verified()
    rows = [{"id": str(each)} for each in (*ready, unfinished)]
    told = (await world.call("reviewer", "POST", "/requests/release", {"requests": rows})).json()["results"]
    assert [each["status"] for each in told] == [200, 200, 409]
    shown = [(await world.call("reviewer", "GET", f"/requests/{each}")).json() for each in (*ready, unfinished)]
    assert [len(each["reports"]) for each in shown] == [1, 1, 0]


async def test_many_plans_are_seen_and_signed_at_once(world: World) -> None:
    requests = [await world.awaiting_approval(), await world.awaiting_approval()]
    for who, state in (("approver", "awaiting_approval"), ("second", "grace")):
        rows = [await world.approval(each, who) | {"id": str(each)} for each in requests]
        told = (await world.call(who, "POST", "/requests/approve", {"requests": rows})).json()["results"]
        assert [(each["status"], each["state"]) for each in told] == [(200, state)] * 2


async def test_a_signature_that_does_not_fit_stands_in_the_log_and_stops_no_other(world: World) -> None:
    forged, true = await world.awaiting_approval(), await world.awaiting_approval()
    of_another = await world.approval(true, "approver")
    own = await world.approval(forged, "approver")
    rows = [own | {"id": str(forged), "signature": of_another["signature"]}, of_another | {"id": str(true)}]
    told = (await world.call("approver", "POST", "/requests/approve", {"requests": rows})).json()["results"]
    assert [each["status"] for each in told] == [403, 200]
    refused = [each["facts"]["route"] for each in await world.entries() if each["type"] == "staff.refused"]
    assert refused == ["/api/v1/requests/approve"]


async def test_the_plans_of_many_are_shown_with_their_hashes(world: World) -> None:
    ready, not_yet, stranger = await world.awaiting_approval(), await world.opened("erasure"), uuid4()
    asked = "&".join(f"id={each}" for each in (ready, not_yet, stranger))
    told = (await world.call("approver", "GET", f"/plans?{asked}")).json()["results"]
    assert [each["status"] for each in told] == [200, 409, 404]
    assert hash_of(told[0]["plan"]["document"]) == told[0]["plan"]["hash"]


async def _reviewing(world: World) -> UUID:
    request = await world.verified()
    await world.answered(request, Operation.COLLECT, profile=FOUND)
    return request


async def _state(world: World, request: UUID) -> str:
    return str((await world.call("support", "GET", f"/requests/{request}")).json()["state"])
