"""The commands as a whole: each can speak JSON, each says what it does, none costs anything before it is called."""

import resource
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from orchestrator.entrypoints.cli.main import COMMANDS, app
from tests.unit.cli.tree import leaves

LEAVES = dict(leaves())
PASSED_ON = {("custodian",)}
"""Another program's commands: it speaks for itself."""
IN_THE_FOREGROUND = {("up",), ("run",)}
"""They go on until they are stopped: there is no one document to print."""


@pytest.mark.parametrize("words", sorted(set(LEAVES) - PASSED_ON - IN_THE_FOREGROUND), ids=" ".join)
def test_every_command_can_speak_json(words: tuple[str, ...]) -> None:
    options = [option for parameter in LEAVES[words].params for option in parameter.opts]
    assert "--json" in options


@pytest.mark.parametrize("words", sorted(LEAVES), ids=" ".join)
def test_every_command_says_what_it_does(words: tuple[str, ...]) -> None:
    assert LEAVES[words].help


def test_the_commands_that_were_promised_are_there() -> None:
    promised = "open list show verify approve release cancel withdraw admit reject report"
    assert {("request", each) for each in promised.split()} <= set(LEAVES)
    assert {("staff", each) for each in ("add", "list", "token", "disable")} <= set(LEAVES)
    assert {("dead-letters", each) for each in ("list", "show", "replay", "drop")} <= set(LEAVES)
    assert {("audit", "list"), ("audit", "export"), ("approver", "init"), ("doctor",)} <= set(LEAVES)
    assert {("custodians",), ("custodians", "admit")} <= set(LEAVES)
    assert {("demo",), ("up",), ("run",), ("db", "migrate")} <= set(LEAVES)


@pytest.mark.parametrize(("typo", "meant"), [("reqest", "request"), ("custodans", "custodians"), ("stff", "staff")])
def test_a_typo_is_told_what_was_meant(typo: str, meant: str) -> None:
    result = CliRunner().invoke(app, [typo])
    assert result.exit_code == 2
    assert f"Did you mean '{meant}'" in result.stderr or f"'{meant}'" in result.stderr


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from orchestrator.entrypoints.cli.main import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'rich', 'httpx2', 'pydantic', 'sqlalchemy', 'fastapi', 'aiokafka', 'structlog', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_help_is_cheap() -> None:
    command = [sys.executable, "-m", "orchestrator.entrypoints.cli"]
    costs = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert sorted(costs)[2] <= 0.3


def test_help_names_every_command_and_the_exit_codes() -> None:
    told = CliRunner().invoke(app, ["--help"]).stdout
    assert all(name in told for name in COMMANDS)
    assert "0 ok, 1 refused by a rule, 2 usage, 3 not reachable, 4 not" in told
