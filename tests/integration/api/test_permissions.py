"""Every endpoint, every role: the table decides, and what it does not name is closed."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute
from sqlalchemy import make_url

from orchestrator.domain.staff import Role
from orchestrator.entrypoints.api.app import ROUTERS, app
from orchestrator.entrypoints.api.guard import GuardedRoute
from orchestrator.entrypoints.api.permissions import PERMISSIONS, V1
from orchestrator.store.session import connect
from tests.integration import shared
from tests.integration.api.box import a_letter
from tests.integration.api.conftest import as_role
from tests.integration.api.world import World, a_signed_manifest, token

NOBODY: Final = UUID(int=0)
HERE: Final = {
    "request": str(NOBODY), "n": "1", "staff": "s-nobody", "partition": "0", "offset": "3", "task": str(NOBODY),
    "issue_no": "1", "custodian": "nobody",
}  # fmt: skip
EMPTY_HANDED: Final = {  # what somebody who may do it is told, for a body that is empty and things that do not exist
    ("GET", "/livez"): 200,
    ("GET", "/readyz"): 200,
    ("GET", "/metrics"): 200,
    ("POST", "/parts"): 422,
    ("PUT", "/parts/{task}/{issue_no}/{n}"): 422,
    ("GET", f"{V1}/me"): 200,
    ("POST", f"{V1}/requests"): 422,
    ("GET", f"{V1}/requests"): 200,
    ("POST", f"{V1}/requests/verify"): 422,
    ("POST", f"{V1}/requests/release"): 422,
    ("POST", f"{V1}/requests/approve"): 422,
    ("GET", f"{V1}/plans"): 422,
    ("GET", f"{V1}/requests/{{request}}"): 404,
    ("GET", f"{V1}/requests/{{request}}/why"): 404,
    ("POST", f"{V1}/requests/{{request}}/verify"): 422,
    ("GET", f"{V1}/requests/{{request}}/plan"): 404,
    ("POST", f"{V1}/requests/{{request}}/approve"): 422,
    ("POST", f"{V1}/requests/{{request}}/release"): 404,
    ("POST", f"{V1}/requests/{{request}}/retry"): 404,
    ("POST", f"{V1}/requests/{{request}}/cancel"): 422,
    ("POST", f"{V1}/requests/{{request}}/withdraw"): 422,
    ("GET", f"{V1}/requests/{{request}}/identifiers"): 404,
    ("POST", f"{V1}/requests/{{request}}/identifiers/{{n}}"): 422,
    ("GET", f"{V1}/requests/{{request}}/report"): 404,
    ("GET", f"{V1}/staff"): 200,
    ("POST", f"{V1}/staff"): 422,
    ("POST", f"{V1}/staff/{{staff}}/disable"): 404,
    ("POST", f"{V1}/staff/{{staff}}/tokens"): 404,
    ("GET", f"{V1}/custodians"): 200,
    ("POST", f"{V1}/custodians"): 422,
    ("POST", f"{V1}/custodians/{{custodian}}/pause"): 422,
    ("POST", f"{V1}/custodians/{{custodian}}/resume"): 422,
    ("GET", f"{V1}/switches"): 200,
    ("POST", f"{V1}/switches/stop"): 422,
    ("POST", f"{V1}/switches/release"): 422,
    ("GET", f"{V1}/audit"): 200,
    ("GET", f"{V1}/audit/export"): 200,
    ("GET", f"{V1}/dead-letters"): 200,
    ("POST", f"{V1}/dead-letters/let-pass"): 422,
    ("GET", f"{V1}/dead-letters/{{partition}}/{{offset}}"): 200,
    ("POST", f"{V1}/dead-letters/{{partition}}/{{offset}}/replay"): 422,
    ("POST", f"{V1}/dead-letters/{{partition}}/{{offset}}/drop"): 422,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_world(
    postgres_url: str, postgres_admin: asyncpg.Connection, populated: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One for all: nothing that is asked here leaves anything behind but entries of the log."""
    template = make_url(populated).database or ""
    url = await shared.create_database(postgres_admin, postgres_url, template=template)
    folder: Path = tmp_path_factory.mktemp("api")
    made = World(engine=as_role(url, "dsar_api"), owner=connect(url, pool_size=1), folder=folder)
    made.box.letters.append(a_letter())
    await made.call("oncall", "POST", "/dead-letters/0/3/drop", {"reason": "drill"})
    yield made
    await made.close()
    await shared.drop_database(postgres_admin, url)


def routes() -> set[tuple[str, str]]:
    return {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def test_every_endpoint_stands_in_the_table_and_every_row_is_an_endpoint() -> None:
    assert routes() == set(PERMISSIONS)


def test_every_endpoint_goes_through_the_door() -> None:
    assert all(isinstance(route, GuardedRoute) for router in ROUTERS for route in router.routes)


async def test_nothing_else_is_served_but_the_description(shared_world: World) -> None:
    made = app(shared_world.deps)
    served = {getattr(route, "path", None) for route in made.routes} - {None}
    assert served == {f"{V1}/openapi.json"}
    assert {path for _, path in routes()} == set(made.openapi()["paths"])


@pytest.mark.parametrize("role", [None, *Role])
@pytest.mark.parametrize(("method", "path"), sorted(PERMISSIONS))
async def test_each_role_may_do_what_the_table_says(
    shared_world: World, method: str, path: str, role: Role | None
) -> None:
    allowed = PERMISSIONS[method, path]
    answer = await shared_world.client.request(
        method, path.format(**HERE), json={} if method == "POST" else None,
        headers={} if role is None else {"Authorization": f"Bearer {token(role)}"},
    )  # fmt: skip
    if allowed is None:
        assert answer.status_code == EMPTY_HANDED[method, path]
    elif role is None:
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:dsar:unauthenticated")
    elif role not in allowed:
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:dsar:forbidden")
    else:
        assert answer.status_code == EMPTY_HANDED[method, path]


PERSONAL: Final = {
    ("GET", f"{V1}/requests/{{request}}/identifiers"),
    ("GET", f"{V1}/requests/{{request}}/report"),
}
"""What shows personal data."""


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ONCALL, Role.ADMIN, Role.APPROVER, Role.SUPPORT])
def test_only_who_must_see_personal_data_does(role: Role) -> None:
    assert all(role not in (PERMISSIONS[each] or ()) for each in PERSONAL)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.APPROVER}))
def test_nobody_but_an_approver_approves(role: Role) -> None:
    assert role not in (PERMISSIONS["POST", f"{V1}/requests/{{request}}/approve"] or ())


def test_an_admin_decides_about_people_custodians_and_switches_and_nothing_else() -> None:
    changes = {
        path for (method, path), allowed in PERMISSIONS.items() if method != "GET" and Role.ADMIN in (allowed or ())
    }
    assert {path.split("/")[3] for path in changes} == {"staff", "custodians", "switches"}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer dst_", "Bearer dst_" + "0" * 64, "Basic YTpi", "dst_x"])
async def test_what_is_no_token_opens_nothing(world: World, header: str) -> None:
    answer = await world.client.get(f"{V1}/me", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_refusal_of_somebody_known_is_an_entry_of_the_log(world: World) -> None:
    await world.call("auditor", "POST", "/requests", {})
    [entry] = [each for each in await world.entries() if each["type"] == "staff.refused"]
    assert entry["actor"] == "auditor"
    assert entry["facts"] == {"method": "POST", "route": f"{V1}/requests"}


async def test_who_may_not_learns_nothing_about_what_was_sent(world: World) -> None:
    answer = await world.call("auditor", "POST", "/requests", {"canary": "canary"})
    assert answer.status_code == 403
    assert "canary" not in answer.text


async def test_whoever_is_disabled_is_out_at_once(world: World) -> None:
    before = await world.call("support", "GET", "/me")
    await world.call("admin", "POST", "/staff/support/disable")
    after = await world.call("support", "GET", "/me")
    assert (before.status_code, after.status_code) == (200, 401)


async def test_somebody_new_can_do_what_their_roles_allow_once_they_have_a_token(world: World) -> None:
    joined = (await world.call("admin", "POST", "/staff", {"name": "Jo Canary", "roles": ["auditor"]})).json()
    issued = (await world.call("admin", "POST", f"/staff/{joined['id']}/tokens", {"hours": 1})).json()
    headers = {"Authorization": f"Bearer {issued['token']}"}
    me = (await world.client.get(f"{V1}/me", headers=headers)).json()
    assert me == {"id": joined["id"], "roles": ["auditor"]}
    assert issued["token"].startswith("dst_")
    assert len(issued["token"]) == 4 + 64


async def test_names_of_staff_and_tokens_never_reach_the_log(world: World) -> None:
    joined = (await world.call("admin", "POST", "/staff", {"name": "Jo Canary", "roles": ["auditor"]})).json()
    issued = (await world.call("admin", "POST", f"/staff/{joined['id']}/tokens", {"hours": 1})).json()
    told = str(await world.entries())
    assert joined["id"] in told
    assert "Canary" not in told
    assert issued["token"] not in told


async def test_a_token_lasts_ninety_days_at_most(world: World) -> None:
    answer = await world.call("admin", "POST", "/staff/support/tokens", {"hours": 24 * 91})
    assert answer.status_code == 422


async def test_a_role_that_there_is_not_is_refused(world: World) -> None:
    answer = await world.call("admin", "POST", "/staff", {"name": "Jo", "roles": ["canary"]})
    assert answer.status_code == 422
    assert "canary" not in answer.text


async def test_an_admin_lets_a_custodian_in(world: World) -> None:
    file = a_signed_manifest().model_dump()
    admitted = await world.call("admin", "POST", "/custodians", file)
    listed = (await world.call("support", "GET", "/custodians")).json()["custodians"]
    assert admitted.status_code == 201
    assert [(each["id"], each["classes"], each["workers"]) for each in listed] == [("crm", ["profile"], [])]


async def test_a_manifest_that_was_altered_is_refused(world: World) -> None:
    file = a_signed_manifest().model_dump()
    file["text"] = file["text"].replace("somebody", "somebodx")
    answer = await world.call("admin", "POST", "/custodians", file)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:dsar:invalid_input")
