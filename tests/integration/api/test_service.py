"""Whether the API lives and is ready, what it counts, and how it describes itself."""

from dataclasses import replace

import httpx2
from structlog.testing import capture_logs

from orchestrator.entrypoints.api.app import app
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.entrypoints.api.permissions import V1
from orchestrator.store.session import connect, transactions
from tests.integration.api.world import World, token


async def test_it_is_ready_while_the_database_answers(world: World) -> None:
    answer = await world.client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "database": "ok", "schema_head": "ok", "kafka": "ok"}


async def test_it_stays_ready_without_kafka_and_says_so(world: World) -> None:
    world.kafka = False
    answer = await world.client.get("/readyz")
    assert answer.status_code == 200
    assert "outbox" in answer.json()["kafka"]


async def test_it_is_not_ready_on_another_schema_than_its_own(world: World) -> None:
    async with _client(replace(world.deps, schema_head="9999")) as client:
        answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert "dsar db migrate" in answer.json()["schema_head"]


async def test_without_a_database_it_lives_but_is_not_ready_and_says_what_to_do(world: World) -> None:
    gone = connect("postgresql://nobody@127.0.0.1:1/none", pool_size=1)
    async with _client(replace(world.deps, transactions=transactions(gone))) as client:
        live, ready = await client.get("/livez"), await client.get("/readyz")
        asked = await client.get(f"{V1}/me", headers={"Authorization": "Bearer dst_" + "0" * 64})
    await gone.dispose()
    assert (live.status_code, ready.status_code, asked.status_code) == (200, 503, 503)
    assert asked.json()["type"] == "urn:dsar:unreachable"
    assert asked.headers["retry-after"]


async def test_what_nobody_expected_is_a_problem_without_its_text(world: World) -> None:
    def broken() -> bytes:
        raise RuntimeError("canary")

    async with _client(replace(world.deps, new_secret=broken)) as client:
        with capture_logs() as logs:
            headers = {"Authorization": f"Bearer {token('admin')}"}
            answer = await client.post(f"{V1}/staff/support/tokens", json={}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:dsar:internal")
    assert [each["incident"] for each in logs] == [answer.json()["incident"]]
    assert "canary" not in answer.text


async def test_the_figures_name_no_request_and_no_person(world: World) -> None:
    request = await world.verified()
    await world.call("support", "GET", f"/requests/{request}")
    told = (await world.client.get("/metrics")).text
    assert 'dsar_requests_open{kind="access",left="more",state="searching"} 1.0' in told
    assert 'route="/api/v1/requests/{request}"' in told
    assert 'dsar_outbox_intents{lane="access"} 1.0' in told
    assert str(request) not in told
    assert "canary" not in told


async def test_an_address_that_there_is_not_is_a_problem_too(world: World) -> None:
    answer = await world.client.get("/canary")
    wrong = await world.client.delete(f"{V1}/requests")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:dsar:not_found")
    assert (wrong.status_code, wrong.json()["type"]) == (405, "urn:dsar:wrong_method")
    assert "canary" not in answer.text


async def test_every_operation_is_described_with_its_roles_and_its_problems(world: World) -> None:
    document = (await world.client.get(f"{V1}/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all("application/problem+json" in operation["responses"]["403"]["content"] for operation in operations)
    assert all(operation["summary"] and operation["description"] for operation in operations)
    assert document["paths"][f"{V1}/requests"]["post"]["x-roles"] == ["support"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "errors" in document["components"]["schemas"]["Problem"]["properties"]


def _client(deps: Deps) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app(deps), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://api.test")
