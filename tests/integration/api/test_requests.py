"""Requests through the API: taken in once per key, listed by days left, shown with whom they wait for."""

from datetime import timedelta
from uuid import uuid4

import pytest

from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.results import NotFound
from tests.integration.api.world import EMAIL, VERDICT, World, a_form, token


async def test_a_request_is_opened_and_told_with_its_due_date(world: World) -> None:
    answer = await world.call("support", "POST", "/requests", a_form(), {"Idempotency-Key": "k-1"})
    assert answer.status_code == 201
    assert answer.json()["state"] == "received"
    assert answer.json()["due"] > "2026"


async def test_the_same_form_under_the_same_key_gets_the_same_receipt(world: World) -> None:
    first = await world.call("support", "POST", "/requests", a_form(), {"Idempotency-Key": "k-1"})
    again = await world.call("support", "POST", "/requests", a_form(), {"Idempotency-Key": "k-1"})
    assert (again.status_code, again.json()["id"], again.json()["repeated"]) == (200, first.json()["id"], True)


async def test_the_same_key_with_another_body_is_a_conflict(world: World) -> None:
    await world.call("support", "POST", "/requests", a_form(), {"Idempotency-Key": "k-1"})
    other = await world.call("support", "POST", "/requests", a_form("erasure"), {"Idempotency-Key": "k-1"})
    assert other.status_code == 409
    assert other.json()["type"] == "urn:dsar:conflict"


async def test_a_request_without_a_key_says_what_a_key_is_for(world: World) -> None:
    answer = await world.call("support", "POST", "/requests", a_form())
    assert answer.status_code == 422
    assert "Idempotency-Key" in answer.json()["detail"]


async def test_fifty_requests_are_opened_by_one_post(world: World) -> None:
    rows = [a_form() | {"idempotency_key": f"row-{n}"} for n in range(50)]
    answer = await world.call("support", "POST", "/requests", {"requests": rows})
    results = answer.json()["results"]
    assert answer.status_code == 200
    assert [each["key"] for each in results] == [f"row-{n}" for n in range(50)]
    assert {each["status"] for each in results} == {201}
    assert len({each["id"] for each in results}) == 50


async def test_fifty_one_are_too_many(world: World) -> None:
    rows = [a_form() | {"idempotency_key": f"row-{n}"} for n in range(51)]
    answer = await world.call("support", "POST", "/requests", {"requests": rows})
    assert answer.status_code == 422


async def test_a_row_that_is_wrong_is_told_and_stops_no_other(world: World) -> None:
    rows = [
        a_form() | {"idempotency_key": "good"},
        a_form() | {"idempotency_key": "kind", "identifiers": [{"kind": "emial", "value": EMAIL}]},
        a_form() | {"idempotency_key": "future", "received_on": "2999-01-01"},
        a_form("erasure") | {"idempotency_key": "good"},
    ]
    answer = await world.call("support", "POST", "/requests", {"requests": rows})
    results = answer.json()["results"]
    assert [each["status"] for each in results] == [201, 422, 422, 409]
    assert results[1]["problem"]["type"] == "urn:dsar:unknown_identifier_kind"
    assert "did you mean email?" in results[1]["problem"]["detail"]


@pytest.mark.parametrize(
    ("change", "code", "hint"),
    [
        ({"identifiers": [{"kind": "emial", "value": EMAIL}]}, "unknown_identifier_kind", "did you mean email?"),
        ({"identifiers": [{"kind": "email", "value": "jane.canary"}]}, "malformed_identifier", "name@domain"),
        ({"identifiers": [{"kind": "phone", "value": "0170-canary"}]}, "malformed_identifier", "country code"),
        ({"identifiers": []}, "invalid_input", "identifiers"),
        ({"received_on": "2999-01-01"}, "invalid_input", "future"),
        ({"received_on": "canary"}, "invalid_input", "received_on"),
        ({"regime": "canary"}, "invalid_input", "eu_gdpr"),
        ({"kind": "canary"}, "invalid_input", "kind"),
        ({"canary@example.com": 1}, "invalid_input", "no such field"),
    ],
    ids=str,
)
async def test_what_cannot_be_right_is_told_without_being_repeated(
    world: World, change: dict[str, object], code: str, hint: str
) -> None:
    answer = await world.call("support", "POST", "/requests", a_form() | change, {"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:dsar:{code}"
    assert hint in answer.json()["detail"]
    assert "canary" not in answer.text


async def test_a_body_that_is_no_json_is_told_so(world: World) -> None:
    headers = {"Authorization": f"Bearer {token('support')}", "Content-Type": "application/json"}
    answer = await world.client.post("/api/v1/requests", content=b'{"kind": canary', headers=headers)
    assert answer.status_code == 422
    assert "canary" not in answer.text


async def test_a_body_over_one_mebibyte_is_refused(world: World) -> None:
    answer = await world.call("support", "POST", "/requests", {"kind": "x" * 1_100_000}, {"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:dsar:too_large")


async def test_the_list_is_sorted_by_days_left_and_goes_on_page_by_page(world: World) -> None:
    days = ["2026-10-05", "2026-10-20", "2026-10-01", "2026-10-12"]
    for day in days:
        await world.opened(received_on=day)
    first = (await world.call("auditor", "GET", "/requests?limit=3")).json()
    second = (await world.call("auditor", "GET", f"/requests?limit=3&after={first['next']}")).json()
    listed = [each["received_on"] for each in first["requests"] + second["requests"]]
    assert listed == sorted(days)
    assert second["next"] is None
    assert all(each["days_left"] < 0 for each in first["requests"])


async def test_the_list_is_filtered(world: World) -> None:
    access = await world.verified("access")
    await world.opened("erasure")
    by_kind = (await world.call("oncall", "GET", "/requests?kind=access")).json()["requests"]
    by_custodian = (await world.call("oncall", "GET", "/requests?custodian=crm")).json()["requests"]
    closed = (await world.call("oncall", "GET", "/requests?which=closed")).json()["requests"]
    assert [each["id"] for each in by_kind] == [each["id"] for each in by_custodian] == [str(access)]
    assert closed == []


async def test_a_page_that_was_never_given_is_refused(world: World) -> None:
    answer = await world.call("support", "GET", "/requests?after=Y2FuYXJ5")
    assert answer.status_code == 422


async def test_a_request_that_waits_says_for_whom_since_when_and_what_to_do(world: World) -> None:
    request = await world.verified("access")
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    waiting = shown["waiting"]
    assert (waiting["waits_for"], waiting["whose_move"], waiting["who"]) == ("silent_custodian", "custodian", "crm")
    assert (waiting["owed"][0]["custodian"], waiting["owed"][0]["last_heard"]) == ("crm", None)
    assert waiting["since"]
    assert waiting["next_command"] == "dsar custodians"
    assert shown["days_left"] >= 28
    assert shown["lines"][0]["said"] == []


async def test_an_unknown_request_is_not_found(world: World) -> None:
    answer = await world.call("support", "GET", f"/requests/{uuid4()}")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:dsar:not_found")


async def test_nothing_shown_of_a_request_holds_an_identifier(world: World) -> None:
    request = await world.verified("access")
    shown = await world.call("everything", "GET", f"/requests/{request}")
    listed = await world.call("everything", "GET", "/requests")
    assert "canary" not in (shown.text + listed.text).lower()


async def test_a_verdict_that_the_proof_failed_ends_the_request(world: World) -> None:
    request = await world.opened()
    answer = await world.call("verifier", "POST", f"/requests/{request}/verify", VERDICT | {"result": "failed"})
    assert (answer.json()["state"], answer.json()["outcome"]) == ("closed", "unverified")


async def test_a_request_is_verified_once(world: World) -> None:
    request = await world.verified()
    again = await world.call("verifier", "POST", f"/requests/{request}/verify", VERDICT)
    assert (again.status_code, again.json()["type"]) == (409, "urn:dsar:wrong_state")
    assert again.json()["detail"] == "it cannot be verified now: the request is searching"


async def test_an_unverified_request_is_neither_released_nor_approved(world: World) -> None:
    request = await world.opened("erasure")
    released = await world.call("reviewer", "POST", f"/requests/{request}/release", {"in_part": True})
    planned = await world.call("approver", "GET", f"/requests/{request}/plan")
    assert (released.status_code, planned.status_code) == (409, 409)


async def test_a_search_that_goes_on_is_released_only_in_part(world: World) -> None:
    request = await world.verified()
    whole = await world.call("reviewer", "POST", f"/requests/{request}/release", {})
    part = await world.call("reviewer", "POST", f"/requests/{request}/release", {"in_part": True})
    assert (whole.status_code, part.status_code) == (409, 200)
    assert part.json()["state"] == "reporting"


async def test_a_cancelled_request_is_closed_and_its_reason_sealed(world: World) -> None:
    request = await world.verified()
    answer = await world.call("support", "POST", f"/requests/{request}/cancel", {"reason": "canary told us"})
    assert (answer.json()["state"], answer.json()["outcome"]) == ("closed", "cancelled")
    assert "canary" not in str(await world.entries())


async def test_a_withdrawn_request_is_closed(world: World) -> None:
    request = await world.opened()
    answer = await world.call("support", "POST", f"/requests/{request}/withdraw", {"reason": "no longer wanted"})
    assert (answer.json()["state"], answer.json()["outcome"]) == ("closed", "withdrawn")


async def test_what_has_failed_is_asked_again_when_staff_say_so(world: World) -> None:
    request = await world.verified("erasure")
    await world.failed(request, Operation.PREVIEW)
    stuck = (await world.call("support", "GET", f"/requests/{request}")).json()["waiting"]
    again = await world.call("oncall", "POST", f"/requests/{request}/retry")
    once_more = await world.call("oncall", "POST", f"/requests/{request}/retry")
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()["waiting"]
    assert (stuck["whose_move"], stuck["next_command"]) == ("staff", f"dsar request retry {request}")
    assert (again.status_code, once_more.status_code, shown["whose_move"]) == (200, 409, "custodian")


async def test_identifiers_are_read_in_clear_only_with_an_entry_in_the_log(world: World) -> None:
    request = await world.verified()
    answer = await world.call("verifier", "GET", f"/requests/{request}/identifiers")
    assert [(each["kind"], each["value"]) for each in answer.json()["identifiers"]] == [("email", EMAIL)]
    [read] = [each for each in await world.entries() if each["type"] == "data.read"]
    assert (read["actor"], read["request"], read["facts"]["what"]) == ("verifier", str(request), "identifiers")


async def test_a_found_contact_waits_for_a_person_and_reading_it_decides_nothing(world: World) -> None:
    request = await world.verified()
    found = await world.claim(request, IdentifierKind.PHONE, "+4930123456")
    await world.answered(request, Operation.COLLECT, found, profile=NotFound())
    await world.call("verifier", "GET", f"/requests/{request}/identifiers")
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    assert shown["waiting"]["next_command"] == f"dsar request identifiers {request}"
    assert [each["standing"] for each in shown["identifiers"]] == ["admitted", "proposed"]


@pytest.mark.parametrize(("admit", "standing"), [(True, "admitted"), (False, "rejected")])
async def test_a_found_contact_is_admitted_or_rejected_once(world: World, admit: bool, standing: str) -> None:
    request = await world.verified()
    found = await world.claim(request, IdentifierKind.PHONE, "+4930123456")
    await world.answered(request, Operation.COLLECT, found, profile=NotFound())
    first = await world.call("verifier", "POST", f"/requests/{request}/identifiers/2", {"admit": admit})
    again = await world.call("verifier", "POST", f"/requests/{request}/identifiers/2", {"admit": admit})
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    assert (first.status_code, again.status_code) == (200, 409)
    assert shown["identifiers"][1]["standing"] == standing


async def test_days_left_go_by_the_calendar_of_the_regime(world: World) -> None:
    request = await world.opened()
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    assert timedelta(days=28) <= timedelta(days=shown["days_left"]) <= timedelta(days=34)
