"""A link of a paper leads somewhere."""

import re
from pathlib import Path

import pytest

from tests.unit.papers.places import DECISIONS, ROOT, RUNBOOKS, papers, text

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PARTS_OF_A_RECORD = ("Context", "Decision", "Alternatives", "Not covered")
PARTS_OF_A_RUNBOOK = ("Meaning", "Impact", "Diagnosis", "Mitigation", "After")
HALF_A_PAGE = 45


def _anchors(paper: Path) -> set[str]:
    plain = FENCE.sub("", text(paper))
    return {re.sub(r"[^\w -]", "", each.lower()).strip().replace(" ", "-") for each in HEADING.findall(plain)}


def _broken(paper: Path) -> list[str]:
    broken = []
    for link in LINK.findall(FENCE.sub("", text(paper))):
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, anchor = link.partition("#")
        target = (paper.parent / place).resolve() if place else paper
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("paper", papers(), ids=lambda each: str(each.relative_to(ROOT)))
def test_every_link_of_a_paper_leads_to_a_file_and_a_heading(paper: Path) -> None:
    assert _broken(paper) == []


def test_every_decision_is_in_the_index_once_and_numbered_without_a_hole() -> None:
    records = sorted(each.name for each in DECISIONS.glob("[0-9]*.md"))
    listed = re.findall(r"^\| \[\d+\]\(([^)]+)\)", text(DECISIONS / "README.md"), re.MULTILINE)
    assert listed == records
    assert [int(each[:4]) for each in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("record", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda each: each.stem)
def test_a_decision_is_half_a_page_with_its_four_parts(record: Path) -> None:
    said = text(record)
    assert said.startswith(f"# {int(record.name[:4])}. ")
    assert [part for part in PARTS_OF_A_RECORD if f"\n**{part}.** " not in said] == []
    assert len(said.splitlines()) <= HALF_A_PAGE
    title = said.splitlines()[0].partition(". ")[2]
    assert title in text(DECISIONS / "README.md")


@pytest.mark.parametrize(
    "page", [each for each in sorted(RUNBOOKS.glob("*.md")) if each.stem != "README"], ids=lambda each: each.stem
)
def test_a_runbook_has_the_parts_that_somebody_at_night_looks_for(page: Path) -> None:
    found = re.findall(r"^## (.+)$", text(page), re.MULTILINE)
    assert found == list(PARTS_OF_A_RUNBOOK)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    alerts = RUNBOOKS / "alerts.yml"
    named = re.findall(r"^ *- alert: (\w+)$", text(alerts), re.MULTILINE) if alerts.exists() else []
    assert sorted(set(named)) == sorted(each.stem for each in RUNBOOKS.glob("Dsar*.md"))


def test_every_runbook_is_in_the_index() -> None:
    pages = {each.name for each in RUNBOOKS.glob("*.md")} - {"README.md"}
    assert [name for name in sorted(pages) if f"({name})" not in text(RUNBOOKS / "README.md")] == []
