"""The page about production: its commands make what the roles and the workers read."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from contracts.command import Lane
from custodians.runner.keys import command_ring
from custodians.runner.settings import load
from orchestrator.settings import BadSettings, Role, Settings
from orchestrator.wiring import Wiring
from tests.unit.papers.blocks import compose, roles
from tests.unit.papers.places import PRODUCTION, block, text


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the commands of the page make."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine")
    folder = tmp_path_factory.mktemp("production")
    _pasted(folder).check_returncode()
    return folder / "secrets"


def _pasted(folder: Path, *, then: str = "") -> subprocess.CompletedProcess[str]:
    commands = block("secrets", PRODUCTION).removeprefix("```bash\n").removesuffix("\n```")
    whole = ["bash", "-c", f"{commands}\n{then}"]
    return subprocess.run(whole, cwd=folder, check=False, capture_output=True, text=True)


def _wired(service: dict[str, Any], secrets: Path, room: Path, monkeypatch: pytest.MonkeyPatch) -> Wiring:
    """A role in a room with the files of its own container, and no others."""
    for name in service["secrets"]:
        shutil.copy(secrets / name, room / name)
    shutil.copy(secrets / "approvers.toml", room / "approvers.toml")
    for name, value in service["environment"].items():
        told = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
        told = told.replace("/run/secrets", str(room)).replace("/etc/dsar", str(room))
        monkeypatch.setenv(name, told.replace("/var/lib/dsar", str(room / "home")))
    return Wiring(Settings.read())


def test_the_composition_asks_for_no_file_that_the_page_does_not_make(secrets: Path) -> None:
    wanted = {each["file"].rpartition("/")[2] for kind in ("secrets", "configs") for each in compose()[kind].values()}
    assert wanted == {each.name for each in secrets.iterdir()} - {".gitignore"}


def test_the_logins_that_are_made_are_those_that_the_roles_use(secrets: Path) -> None:
    logins = json.loads(text(secrets / "logins.json"))
    urls = {role: make_url(text(secrets / f"dsar_database_url_{role}").strip()) for role in Role}
    assert logins == {role.login: url.password for role, url in urls.items()}


def test_no_file_that_it_makes_can_be_read_by_others_or_be_added_to_git(secrets: Path) -> None:
    assert [each.name for each in secrets.iterdir() if each.stat().st_mode & 0o077] == []
    assert text(secrets / ".gitignore") == "*\n"


def test_pasted_a_second_time_it_refuses_and_leaves_every_key_and_the_shell_as_they_were(secrets: Path) -> None:
    before = {each.name: each.read_bytes() for each in secrets.parent.rglob("*") if each.is_file()}
    assert _pasted(secrets.parent).returncode != 0
    assert _pasted(secrets.parent, then="false; pwd").stdout == f"{secrets.parent}\n"
    assert {each.name: each.read_bytes() for each in secrets.parent.rglob("*") if each.is_file()} == before


@pytest.mark.parametrize("name", list(roles()))
def test_a_role_finds_its_login_and_nobody_elses(
    name: str, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = roles()[name]
    settings = _wired(service, secrets, tmp_path, monkeypatch).settings
    named = service["command"][-1]
    assert make_url(settings.database_url_of(Role(named))).username == Role(named).login
    for other in set(Role) - {Role(named)}:
        with pytest.raises(BadSettings):
            settings.database_url_of(other)
    with pytest.raises(BadSettings):
        settings.owner_url()


@pytest.mark.parametrize("name", list(roles()))
def test_a_role_can_load_the_keys_that_it_is_handed_and_no_others(
    name: str, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = roles()[name]
    wiring = _wired(service, secrets, tmp_path, monkeypatch)
    asked: dict[str, Callable[[], object]] = {
        "link.kek": lambda: wiring.link_kms,
        "reply.kek": lambda: wiring.reply_kms,
        "blind.key": lambda: wiring.blind_key,
        "command-access.pem": lambda: wiring.command_key(Lane.ACCESS),
        "command-erasure.pem": lambda: wiring.command_key(Lane.ERASURE),
    }
    for key, load_it in asked.items():
        if key in service["secrets"]:
            assert load_it()
        else:
            with pytest.raises(FileNotFoundError):
                load_it()


def test_workers_pin_the_command_keys_that_the_dispatchers_sign_with(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = command_ring(secrets / "command-keys.yaml")
    for lane in Lane:
        wiring = _wired(roles()[f"dispatcher-{lane}"], secrets, tmp_path, monkeypatch)
        assert ring[wiring.command_key(lane).kid].owner == f"dispatcher/{lane}"


@pytest.mark.parametrize("name", ["user-profiles", "transaction-history", "recommendation-logs"])
def test_a_worker_finds_its_store(name: str, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = compose()["services"][name]
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)))
    settings = load(secrets / f"{name}.yaml")
    assert settings.data_map == name
    store = settings.store.get_secret_value()
    assert (
        make_url(store).host in compose()["services"] if store.startswith("postgresql:") else store.startswith("file:")
    )


def test_the_page_names_every_role_with_the_files_that_it_reads() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text(PRODUCTION), re.MULTILINE))
    assert set(rows) == set(Role)
    for service in roles().values():
        named = service["command"][-1]
        keys = {each for each in service["secrets"] if not each.startswith("dsar_")}
        keys |= {"approvers.toml" for each in service.get("configs", ()) if each["source"] == "approvers"}
        assert set(re.findall(r"`([\w.-]+)`", rows[named])) == keys
