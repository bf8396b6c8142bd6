"""`dsar recover`, as far as it can be called wrongly."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.entrypoints.cli.main import app

TIME = ("--backup-time", "2026-11-22T03:00:00Z")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*TIME, "--reason", "drill"), "--no-log"),
        ((*TIME, "--reason", "drill", "--no-log", "--log", "{log}"), "--no-log"),
        (("--backup-time", "yesterday", "--reason", "drill", "--no-log"), "2026-11-22T03:00:00Z"),
        (("--backup-time", "2026-11-22T03:00:00", "--reason", "drill", "--no-log"), "zone"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_touched(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    given = [each.format(log=tmp_path / "log") for each in words]
    ran = CliRunner().invoke(app, ["recover", *given, "--json"], env={"DSAR_HOME": str(tmp_path / "home")})
    assert ran.exit_code == 2
    assert said in json.loads(ran.stderr)["detail"]
    assert not (tmp_path / "home").exists()


def test_only_the_number_of_a_ticket_is_taken_where_the_log_keeps_it_for_ever(tmp_path: Path) -> None:
    words = ["recover", *TIME, "--reason", "drill", "--no-log", "--ticket", "jane.canary"]
    ran = CliRunner().invoke(app, words, env={"DSAR_HOME": str(tmp_path / "home")})
    assert (ran.exit_code, "OPS-12" in ran.stderr) == (2, True)
    assert not (tmp_path / "home").exists()
