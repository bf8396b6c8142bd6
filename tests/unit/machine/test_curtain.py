"""The end of the demo: one screen, or one object."""

import sys
from pathlib import Path

import pytest

from orchestrator.entrypoints.cli.demo import before_programs
from orchestrator.entrypoints.machine.curtain import as_json, as_lines
from orchestrator.entrypoints.machine.demo import Played
from tests.unit.machine.shown import CUSTODIANS, an_access, an_erasure

SCREEN = 24


def played() -> Played:
    return Played(
        shown={"access": an_access(), "erasure": an_erasure()},
        seconds={"access": 3.21, "erasure": 4.56},
        report=Path("/home/demo/report.zip"),
        audit_entries=55,
        total_s=17.89,
        root=Path("/home/demo"),
    )


def lines_of(*, programs: str = "") -> list[str]:
    return as_lines(played(), programs=programs, opener="xdg-open")


def test_the_last_screen_fits_a_terminal_and_tells_what_was_found_and_erased_where() -> None:
    lines = lines_of()
    assert len(lines) <= SCREEN
    assert all(sum(name in line for line in lines) == 2 for name in CUSTODIANS)
    assert any("6 erased, 2 retained by law; level 1; probe: absent" in line for line in lines)
    assert any("report.zip" in line for line in lines)
    assert any("55 entries" in line for line in lines)


def test_the_last_screen_ends_with_four_commands_to_try() -> None:
    lines = lines_of(programs=".venv/bin/")
    tries = lines[lines.index("Next:") + 1 :]
    assert [each.partition("  #")[0].strip() for each in tries] == [
        "python3 -m zipfile -e /home/demo/report.zip /home/demo/report && xdg-open /home/demo/report/index.html",
        "DSAR_HOME=/home/demo .venv/bin/dsar up",
        "DSAR_HOME=/home/demo .venv/bin/dsar request list --which all",
        ".venv/bin/dsar-custodian --help",
    ]


def test_programs_are_named_by_their_folder_unless_the_shell_finds_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "dsar").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    assert before_programs() == ".venv/bin/"
    monkeypatch.chdir("/")
    assert Path("/", before_programs()) == folder
    monkeypatch.setenv("PATH", str(folder))
    assert before_programs() == ""


def test_a_custodian_of_which_any_class_retains_is_called_retained() -> None:
    told = as_json(played())["erasure"]["custodians"]
    assert {name: each["result"] for name, each in told.items()} == {
        "user-profiles": "erased",
        "transaction-history": "retained",
        "recommendation-logs": "erased",
    }
    assert (told["transaction-history"]["erased"], told["transaction-history"]["retained"]) == (6, 2)


def test_records_are_counted_by_custodian_and_class() -> None:
    told = as_json(played())["access"]["custodians"]["user-profiles"]
    assert told == {"result": "found", "records": 8, "classes": {"profile": {"found": 4}, "devices": {"found": 4}}}
