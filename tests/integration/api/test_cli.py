"""The command line against the API: every command, with one JSON document on stdout and nothing else."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
import uvicorn
from typer.testing import CliRunner, Result

from contracts.command import Operation
from contracts.identifiers import IdentifierKind
from contracts.keys import SigningKey
from contracts.results import NotFound
from orchestrator.entrypoints.api.app import app as api
from orchestrator.entrypoints.cli.main import app
from tests.integration.api.box import a_letter
from tests.integration.api.world import EMAIL, PERSONAL, VERDICT, World, a_form, a_signed_manifest, token
from tests.unit.cli.tree import leaves

Words = list[str]
Prepare = Callable[[World, Path], Awaitable[Words]]


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """The API on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(api(world.deps), log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listening:  # who calls before it serves waits in the backlog
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await serving


async def dsar(world: World, who: str, *words: str) -> Result:
    async with served(world) as url:
        env = {"DSAR_URL": url, "DSAR_TOKEN": token(who)}
        return await asyncio.to_thread(CliRunner().invoke, app, list(words), env=env)


async def _open(world: World, folder: Path) -> Words:
    return ["support", "request", "open", "access", "-i", f"email={EMAIL}", "--received", "2026-10-01"]


async def _file(world: World, folder: Path) -> Words:
    rows = {"requests": [a_form() | {"idempotency_key": f"row-{n}"} for n in range(3)]}
    (folder / "rows.json").write_text(json.dumps(rows))
    return ["support", "request", "open", "--file", str(folder / "rows.json")]


def _plainly(*words: str) -> Prepare:
    async def prepare(world: World, folder: Path) -> Words:
        await world.opened()
        world.box.letters.append(a_letter())
        return list(words)

    return prepare


def _of(prepare: Callable[[World], Awaitable[UUID]], *words: str) -> Prepare:
    async def prepared(world: World, folder: Path) -> Words:
        request = await prepare(world)
        return [each.format(id=request, folder=folder) for each in words]

    return prepared


async def _proposed(world: World) -> UUID:
    request = await world.verified()
    found = await world.claim(request, IdentifierKind.PHONE, "+4930123456")
    await world.answered(request, Operation.COLLECT, found, profile=NotFound())
    return request


async def _verifiable(world: World) -> UUID:
    await world.admitted()
    return await world.opened()


async def _failed(world: World) -> UUID:
    request = await world.verified("erasure")
    await world.failed(request, Operation.PREVIEW)
    return request


async def _approve(world: World, folder: Path) -> Words:
    request = await world.awaiting_approval()
    return ["approver", "request", "approve", str(request), "--key", str(a_key(folder)), "--yes"]


async def _admit_custodian(world: World, folder: Path) -> Words:
    (folder / "manifest.json").write_bytes(a_signed_manifest().to_bytes())
    return ["admin", "custodians", "admit", str(folder / "manifest.json")]


async def _approver(world: World, folder: Path) -> Words:
    return ["approver", "approver", "init", "--key", str(folder / "made.pem")]


def a_key(folder: Path, who: str = "approver") -> Path:
    file = folder / f"{who}.pem"
    SigningKey(PERSONAL[who]).save(file)
    return file


def _at_one(*words: str) -> Prepare:
    async def prepare(world: World, folder: Path) -> Words:
        await world.admitted()
        return list(words)

    return prepare


CALLS: Final[dict[str, Prepare]] = {
    "request open": _open,
    "request open --file": _file,
    "request list": _plainly("auditor", "request", "list"),
    "request show": _of(World.verified, "oncall", "request", "show", "{id}"),
    "why": _of(World.verified, "oncall", "why", "{id}"),
    "request verify": _of(_verifiable, "verifier", "request", "verify", "{id}", "--method", "seen", "--evidence", "x"),
    "request approve": _approve,
    "request release": _of(World.verified, "reviewer", "request", "release", "{id}", "--in-part"),
    "request report": _of(World.deliverable, "reviewer", "request", "report", "{id}", "--out", "{folder}/out.zip"),
    "request retry": _of(_failed, "oncall", "request", "retry", "{id}"),
    "request cancel": _of(World.opened, "support", "request", "cancel", "{id}", "--reason", "x"),
    "request withdraw": _of(World.opened, "support", "request", "withdraw", "{id}", "--reason", "x"),
    "request identifiers": _of(World.opened, "verifier", "request", "identifiers", "{id}"),
    "request admit": _of(_proposed, "verifier", "request", "admit", "{id}", "2"),
    "request reject": _of(_proposed, "verifier", "request", "reject", "{id}", "2"),
    "custodians": _plainly("support", "custodians"),
    "custodians list": _plainly("support", "custodians", "list"),
    "custodians admit": _admit_custodian,
    "custodians pause": _at_one("oncall", "custodians", "pause", "crm", "--reason", "maintenance"),
    "custodians resume": _at_one("oncall", "custodians", "resume", "crm", "--reason", "resolved", "--dry-run"),
    "switch list": _plainly("support", "switch", "list"),
    "switch stop": _plainly("oncall", "switch", "stop", "--reason", "incident", "--ticket", "OPS-12"),
    "switch release": _at_one("admin", "switch", "release", "--custodian", "crm", "--reason", "resolved"),
    "staff add": _plainly("admin", "staff", "add", "Jo", "--role", "support"),
    "staff list": _plainly("admin", "staff", "list"),
    "staff token": _plainly("admin", "staff", "token", "support"),
    "staff disable": _plainly("admin", "staff", "disable", "support"),
    "approver init": _approver,
    "audit list": _plainly("auditor", "audit", "list"),
    "audit export": _of(World.verified, "auditor", "audit", "export", "--out", "{folder}/log.jsonl"),
    "dead-letters list": _plainly("oncall", "dead-letters", "list"),
    "dead-letters show": _plainly("oncall", "dead-letters", "show", "0", "3"),
    "dead-letters replay": _plainly("oncall", "dead-letters", "replay", "0", "3", "--reason", "repaired"),
    "dead-letters let-pass": _plainly("oncall", "dead-letters", "let-pass", "--reason", "repaired"),
    "dead-letters drop": _plainly("oncall", "dead-letters", "drop", "0", "3", "--reason", "drill"),
    "me": _plainly("support", "me"),
}
ELSEWHERE: Final = {
    "doctor",
    "custodian",
    "up",
    "demo",
    "run",
    "recover",
    "db migrate",
    "db status",
    "db topics",
    "db admin",
}
"""Commands that do not speak to the API; their own tests look at them."""


def test_every_command_that_speaks_to_the_api_is_called_here() -> None:
    walked = {" ".join(words) for words, _ in leaves()} - ELSEWHERE
    assert {each.removesuffix(" --file") for each in CALLS} == walked


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_with_json_a_command_prints_one_document_and_nothing_else(
    world: World, tmp_path: Path, name: str
) -> None:
    who, *words = await CALLS[name](world, tmp_path)
    result = await dsar(world, who, *words, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert isinstance(json.loads(result.stdout), dict)


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_without_json_a_command_prints_something_for_people(world: World, tmp_path: Path, name: str) -> None:
    who, *words = await CALLS[name](world, tmp_path)
    result = await dsar(world, who, *words)
    assert result.exit_code == 0
    assert not result.stderr or name == "approver init"  # its stdout is appended to a file, its words go beside
    assert result.stdout.strip()
    assert not result.stdout.startswith("{")


async def test_the_command_line_can_do_nothing_that_the_api_forbids(world: World) -> None:
    result = await dsar(world, "auditor", "request", "open", "access", "-i", f"email={EMAIL}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "roles" in result.stderr


@pytest.mark.parametrize(("what", "ended"), [("cancel", "cancelled"), ("withdraw", "withdrawn")])
async def test_stopping_a_request_again_changes_nothing_and_says_so(world: World, what: str, ended: str) -> None:
    request = str(await world.opened())
    words = ["request", what, request, "--reason", "x"]
    once = await dsar(world, "support", *words)
    log = await world.entries()
    again = await dsar(world, "support", *words)
    assert (once.exit_code, once.stdout) == (0, f"{request}  {ended}\n")
    assert (again.exit_code, again.stdout) == (0, f"{request}  {ended}, as before\n")
    assert await world.entries() == log


async def test_a_refusal_is_in_words_and_says_how_the_request_ended(world: World) -> None:
    request = str(await world.opened())
    await dsar(world, "support", "request", "cancel", request, "--reason", "x")
    refused = await dsar(world, "verifier", "request", "verify", request, "--method", "seen", "--evidence", "x")
    assert refused.exit_code == 5
    assert refused.stderr == "dsar: it cannot be verified any more: the request is closed (cancelled)\n"


async def test_a_typo_in_a_kind_is_told_what_was_meant(world: World) -> None:
    result = await dsar(world, "support", "request", "open", "access", "-i", f"emial={EMAIL}")
    assert result.exit_code == 1
    assert "did you mean email?" in result.stderr
    assert "canary" not in result.stderr


async def test_the_same_key_with_another_body_is_a_conflict(world: World) -> None:
    words = ["request", "open", "--key", "k", "-i", f"email={EMAIL}"]
    await dsar(world, "support", *words, "access")
    result = await dsar(world, "support", *words, "erasure")
    assert result.exit_code == 5


async def test_a_report_is_saved_as_it_was_built(world: World, tmp_path: Path) -> None:
    request = await world.deliverable(b"PK whole")
    result = await dsar(world, "reviewer", "request", "report", str(request), "--out", str(tmp_path / "r.zip"))
    again = await dsar(world, "reviewer", "request", "report", str(request), "--out", str(tmp_path / "r.zip"))
    assert ((tmp_path / "r.zip").read_bytes(), result.exit_code, again.exit_code) == (b"PK whole", 0, 5)


async def test_an_exported_log_holds_a_leaf_a_line(world: World, tmp_path: Path) -> None:
    await world.verified()
    entries = await world.entries()
    await dsar(world, "auditor", "audit", "export", "--out", str(tmp_path / "log"))
    lines = (tmp_path / "log").read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [each["id"] for each in reversed(entries)]


async def test_two_approvers_sign_with_their_own_keys(world: World, tmp_path: Path) -> None:
    request = await world.awaiting_approval()
    for who in ("approver", "second"):
        key = str(a_key(tmp_path, who))
        result = await dsar(world, who, "request", "approve", str(request), "--key", key, "--yes")
        assert result.exit_code == 0
    shown = (await world.call("support", "GET", f"/requests/{request}")).json()
    assert shown["state"] == "grace"


async def test_nobody_signs_without_having_been_asked(world: World, tmp_path: Path) -> None:
    request = await world.awaiting_approval()
    result = await dsar(world, "approver", "request", "approve", str(request), "--key", str(a_key(tmp_path)))
    assert result.exit_code == 2
    assert "--yes" in result.stderr


async def test_what_a_request_waits_for_is_told_with_the_next_command(world: World) -> None:
    request = await world.verified()
    told = (await dsar(world, "support", "request", "show", str(request))).stdout
    assert "crm was never heard; it has yet to collect" in told
    assert "last heard never" in told
    assert told.endswith("next: dsar custodians\n")


async def test_the_next_command_of_a_new_request_can_be_pasted(world: World) -> None:
    await world.admitted()
    opened: dict[str, Any] = json.loads(
        (await dsar(world, "support", "request", "open", "access", "-i", f"email={EMAIL}", "--json")).stdout
    )
    words = ["request", "verify", opened["id"], "--method", VERDICT["method"], "--evidence", VERDICT["evidence"]]
    assert (await dsar(world, "verifier", *words)).exit_code == 0
