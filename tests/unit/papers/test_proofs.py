"""What PROOFS.md names exists: a promise whose test was renamed away would be a promise without a test."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NAMED = re.findall(r"^- `(tests/[^`]+)`$", (ROOT / "PROOFS.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
PROMISES = 10


def functions(file: Path) -> set[str]:
    found = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {each.name for each in found if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_as_a_proof_exists(named: str) -> None:
    path, _, test = named.partition("::")
    file = ROOT / path
    assert file.exists()
    assert not test or test in functions(file)


def test_every_promise_has_a_section_and_a_proof() -> None:
    sections = re.split(r"^## \d+\. ", (ROOT / "PROOFS.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert len(sections) == PROMISES
    assert all("- `tests/" in section for section in sections)
