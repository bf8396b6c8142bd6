"""Settings: from the environment and from files, with the variable's name in every complaint and no value in any."""

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.command import Lane
from orchestrator.settings import BadSettings, Role, Settings


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DSAR_DATABASE_URL", "DSAR_KAFKA_BOOTSTRAP", "DSAR_HOME", "DSAR_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_with_nothing_set_everything_lies_in_the_home() -> None:
    settings = Settings.read(home="/h")
    assert settings.link_kek() == Path("/h/keys/link.kek")
    assert settings.command_key(Lane.ERASURE) == Path("/h/keys/command-erasure.pem")
    assert settings.approvers() == Path("/h/approvers.toml")
    assert settings.blobs() == "file:///h/blobs"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_has_a_login_and_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch, role: Role) -> None:
    monkeypatch.setenv(f"DSAR_DATABASE_URL_{role.upper()}", f"postgresql://{role.login}@db/dsar")
    settings = Settings.read()
    assert settings.database_url_of(role) == f"postgresql://dsar_{role}@db/dsar"
    other = next(each for each in Role if each is not role)
    with pytest.raises(BadSettings, match=f"DSAR_DATABASE_URL_{other.upper()} is not set"):
        settings.database_url_of(other)


def test_a_secret_is_read_from_a_file_of_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "dsar_database_url_api").write_text("postgresql://a:secret@db/dsar\n")
    monkeypatch.setenv("DSAR_SECRETS_DIR", str(tmp_path))
    assert Settings.read().database_url_of(Role.API) == "postgresql://a:secret@db/dsar"


def test_what_is_missing_is_named_with_the_way_to_set_it() -> None:
    with pytest.raises(BadSettings, match="DSAR_KAFKA_BOOTSTRAP is not set; set it, or put it into the file"):
        Settings.read().bootstrap()


def test_an_empty_address_is_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSAR_DATABASE_URL", "")
    with pytest.raises(BadSettings, match="DSAR_DATABASE_URL is not set"):
        Settings.read().owner_url()


def test_all_that_is_wrong_is_named_at_once_and_never_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSAR_API_PORT", "canary")
    monkeypatch.setenv("DSAR_ENVIRONMENT", "can ary")
    monkeypatch.setenv("DSAR_WATCH_DAYS", "1,canary")
    with pytest.raises(BadSettings) as bad:
        Settings.read()
    told = str(bad.value)
    assert "DSAR_API_PORT" in told
    assert "DSAR_ENVIRONMENT" in told
    assert "DSAR_WATCH_DAYS" in told
    assert "1,7,30" in told
    assert "anary" not in told


@pytest.mark.parametrize(("text", "days"), [("", []), ("1,7", [1, 7]), ("0.5", [0.5])])
def test_the_schedule_of_the_watch_is_days_with_commas(
    monkeypatch: pytest.MonkeyPatch, text: str, days: list[float]
) -> None:
    monkeypatch.setenv("DSAR_WATCH_DAYS", text)
    assert Settings.read().watch_days == tuple(timedelta(days=each) for each in days)


def test_an_address_with_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSAR_DATABASE_URL", "postgresql://a:canary@db/dsar")
    assert "canary" not in repr(Settings.read())


def test_custodians_reach_the_api_by_its_public_address() -> None:
    assert Settings.read(api_port=99).upload_url() == "http://127.0.0.1:99"
    assert Settings.read(public_url="https://dsar.example.com/").upload_url() == "https://dsar.example.com"


def test_a_dispatcher_knows_its_lane() -> None:
    assert [Role.DISPATCHER_ACCESS.lane, Role.DISPATCHER_ERASURE.lane, Role.API.lane] == [
        Lane.ACCESS,
        Lane.ERASURE,
        None,
    ]
