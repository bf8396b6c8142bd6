"""The doctor: a machine without anything is not ill; each red line comes with what to do."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.entrypoints.cli.main import app


@pytest.fixture(autouse=True)
def _a_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DSAR_DATABASE_URL", "DSAR_KAFKA_BOOTSTRAP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DSAR_HOME", str(tmp_path))


def examine() -> tuple[int, dict[str, dict[str, str]]]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    return result.exit_code, {each["what"]: each for each in json.loads(result.stdout)["findings"]}


def test_a_machine_without_anything_is_well() -> None:
    code, findings = examine()
    assert code == 0
    assert {each["verdict"] for each in findings.values()} == {"ok", "absent"}


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("DSAR_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none", "database"),
        ("DSAR_KAFKA_BOOTSTRAP", "127.0.0.1:1", "Kafka"),
    ],
)
def test_what_does_not_answer_is_named_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, what: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, findings = examine()
    assert (code, findings[what]["verdict"]) == (1, "wrong")
    assert variable in findings[what]["fix"]


def test_an_api_that_is_gone_is_named_with_its_fix(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"addresses": {"api": "http://127.0.0.1:1"}}))
    code, findings = examine()
    assert (code, findings["API"]["fix"]) == (1, "start it: `dsar up`")


def test_a_key_that_others_can_read_is_named_with_its_fix(tmp_path: Path) -> None:
    _keys(tmp_path)
    (tmp_path / "keys" / "link.kek").chmod(0o644)
    code, findings = examine()
    assert code == 1
    assert findings["keys"]["fix"] == f"chmod 600 {tmp_path / 'keys' / 'link.kek'}"


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    _keys(tmp_path)
    (tmp_path / "keys" / "reply.kek").unlink()
    code, findings = examine()
    assert code == 1
    assert "reply.kek" in findings["keys"]["told_shortly"]


def test_a_setting_that_cannot_be_right_is_a_matter_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSAR_API_PORT", "canary")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 2
    assert "DSAR_API_PORT" in result.stderr
    assert "canary" not in result.stderr


def _keys(home: Path) -> None:
    (home / "keys").mkdir()
    for name in ("link.kek", "reply.kek", "blind.key", "command-access.pem", "command-erasure.pem"):
        (home / "keys" / name).touch(mode=0o600)
