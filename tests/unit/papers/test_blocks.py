"""What papers show of the code is what the code says."""

import re
from pathlib import Path

import pytest

from orchestrator.domain.request import TRANSITIONS, State
from tests.unit.papers.blocks import BLOCKS, STOPS
from tests.unit.papers.places import README, ROOT, block, text

HINT = "run `python -m tests.unit.papers`"


@pytest.mark.parametrize(("name", "paper"), list(BLOCKS), ids=lambda each: getattr(each, "name", each))
def test_a_generated_block_is_what_the_code_says(name: str, paper: Path) -> None:
    assert block(name, paper) == BLOCKS[name, paper](), HINT


def test_the_picture_draws_every_row_that_moves_a_request_on() -> None:
    drawn = block("flow", README)
    for rows in TRANSITIONS.values():
        for source, row in rows.items():
            for event, target in row.items():
                if target is not source and event not in STOPS:
                    assert re.search(
                        rf'^ +{source} -->\|"[^"]*{re.escape(event)}[^"]*"\| {target}$', drawn, re.MULTILINE
                    )


def test_the_picture_knows_every_state() -> None:
    assert {state for state in State if state in block("flow", README)} == set(State)


def test_every_place_of_the_house_plan_is_there() -> None:
    named = re.findall(r"^\| `([^`]+)`", block("plan", README), re.MULTILINE)
    assert len(named) > 10
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_every_package_of_the_orchestrator_has_a_place_in_the_house_plan() -> None:
    plan = block("plan", README)
    packages = [each.parent for each in (ROOT / "orchestrator").glob("*/__init__.py")]
    assert [each.name for each in packages if f"`orchestrator/{each.name}/`" not in plan] == []


def test_readme_names_the_two_commands() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", text(ROOT / "Makefile"), re.MULTILINE))
    assert {"demo", "test"} <= targets
    assert set(re.findall(r"`?make ([a-z]+)", text(README))) <= targets
