"""Approval through the API: two people's own signatures over the plan as it stands, and none of the short cuts."""

from uuid import UUID

from contracts.command import Operation
from orchestrator.domain.plan import hash_of
from tests.integration.api.world import FOUND, VERDICT, World, a_form, trusted


async def test_two_people_approve_and_grace_begins(world: World) -> None:
    request = await world.awaiting_approval()
    body = await world.approval(request, "approver")
    first = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    second = await world.call("second", "POST", f"/requests/{request}/approve", await world.approval(request, "second"))
    assert (first.json()["state"], first.json()["signatures"]) == ("awaiting_approval", 1)
    assert (second.json()["state"], second.json()["signatures"]) == ("grace", 2)
    assert second.json()["grace_until"]


async def test_the_plan_is_shown_so_that_its_hash_can_be_computed(world: World) -> None:
    request = await world.awaiting_approval()
    plan = (await world.call("approver", "GET", f"/requests/{request}/plan")).json()
    assert hash_of(plan["document"]) == plan["hash"]
    assert plan["document"]["request"] == str(request)
    assert plan["lines"][0]["previewed"] == [{"kind": "found", "count": 3}]


async def test_one_person_cannot_approve_twice(world: World) -> None:
    request = await world.awaiting_approval()
    await world.call("approver", "POST", f"/requests/{request}/approve", await world.approval(request, "approver"))
    body = await world.approval(request, "approver")
    again = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    assert (again.status_code, again.json()["type"]) == (403, "urn:dsar:forbidden")


async def test_who_took_the_request_in_cannot_approve_it(world: World) -> None:
    await world.verified("erasure")
    opened = await world.call("everything", "POST", "/requests", a_form("erasure"), {"Idempotency-Key": "own"})
    own = UUID(opened.json()["id"])
    await world.call("verifier", "POST", f"/requests/{own}/verify", VERDICT)
    await world.answered(own, Operation.PREVIEW, profile=FOUND)
    body = await world.approval(own, "everything")
    answer = await world.call("everything", "POST", f"/requests/{own}/approve", body)
    assert answer.status_code == 403


async def test_who_verified_the_person_cannot_approve(world: World) -> None:
    await world.verified("erasure")
    request = await world.opened("erasure")
    await world.call("everything", "POST", f"/requests/{request}/verify", VERDICT)
    await world.answered(request, Operation.PREVIEW, profile=FOUND)
    body = await world.approval(request, "everything")
    answer = await world.call("everything", "POST", f"/requests/{request}/approve", body)
    assert answer.status_code == 403


async def test_another_plan_is_a_conflict(world: World) -> None:
    request = await world.awaiting_approval()
    body = await world.approval(request, "approver", plan_hash="0" * 64)
    answer = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    assert answer.status_code == 409


async def test_a_signature_for_another_request_does_not_fit(world: World) -> None:
    request, other = await world.awaiting_approval(), await world.awaiting_approval()
    plan = (await world.call("approver", "GET", f"/requests/{request}/plan")).json()
    body = await world.approval(other, "approver", plan_hash=plan["hash"])
    answer = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    assert answer.status_code == 403


async def test_a_key_outside_the_trust_list_counts_for_nothing(world: World) -> None:
    request = await world.awaiting_approval()
    body = await world.approval(request, "stranger")
    answer = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    assert answer.status_code == 403


async def test_somebody_elses_key_counts_for_nothing(world: World) -> None:
    request = await world.awaiting_approval()
    body = await world.approval(request, "second")
    answer = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    assert answer.status_code == 403


async def test_a_name_struck_off_the_list_counts_no_more(world: World) -> None:
    request = await world.awaiting_approval()
    world.trust = trusted("second")
    body = await world.approval(request, "approver")
    answer = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    assert answer.status_code == 403


async def test_what_is_no_signature_is_refused_as_such(world: World) -> None:
    request = await world.awaiting_approval()
    body = await world.approval(request, "approver", signature="bm90IG9uZQ==")
    answer = await world.call("approver", "POST", f"/requests/{request}/approve", body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dsar:invalid_input")


async def test_a_refused_approval_is_an_entry_of_the_log(world: World) -> None:
    request = await world.awaiting_approval()
    body = await world.approval(request, "stranger")
    await world.call("approver", "POST", f"/requests/{request}/approve", body)
    [entry] = [each for each in await world.entries() if each["type"] == "staff.refused"]
    assert entry["actor"] == "approver"


async def test_there_is_no_plan_before_the_search_has_ended(world: World) -> None:
    request = await world.verified("erasure")
    answer = await world.call("approver", "GET", f"/requests/{request}/plan")
    assert answer.status_code == 409
