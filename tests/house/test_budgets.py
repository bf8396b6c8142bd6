"""How large things may get, and what may not be written at all: measured, not remembered."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.house.sources import (
    ROOT,
    Length,
    at_share,
    file_lengths,
    function_lengths,
    in_tests,
    product,
    undocumented,
)

FUNCTION_MEDIAN, FUNCTION_P90, FUNCTION_MOST = 8, 25, 40
FILE_P90, FILE_MOST = 200, 300
SILENCED: Final = re.compile(r"#\s*type:\s*ignore")
LATER: Final = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
HERE: Final = Path(__file__)


def _over(lengths: list[Length], most: int) -> list[Length]:
    return [each for each in lengths if each.lines > most]


def test_no_function_is_longer_than_a_screen() -> None:
    assert _over(function_lengths(product()), FUNCTION_MOST) == []


@pytest.mark.parametrize(("share", "most"), [(0.5, FUNCTION_MEDIAN), (0.9, FUNCTION_P90)])
def test_most_functions_are_short(share: float, most: int) -> None:
    assert at_share(function_lengths(product()), share) <= most


def test_no_file_is_longer_than_three_hundred_lines() -> None:
    assert _over(file_lengths(product() + in_tests()), FILE_MOST) == []


def test_nine_files_in_ten_are_no_longer_than_two_hundred_lines() -> None:
    assert at_share(file_lengths(product()), 0.9) <= FILE_P90


def test_everything_public_in_the_contracts_and_the_sdk_says_what_it_is() -> None:
    spoken = [*(ROOT / "contracts").rglob("*.py"), *(ROOT / "custodians" / "sdk").rglob("*.py")]
    assert len(spoken) > 20
    assert [each for path in spoken for each in undocumented(path)] == []


@pytest.mark.parametrize("forbidden", [SILENCED, LATER], ids=["no type is ignored", "nothing is left for later"])
def test_no_line_of_code_asks_to_be_forgiven(forbidden: re.Pattern[str]) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in product() + in_tests()
        if path != HERE
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if forbidden.search(line)
    ]
    assert found == []


def test_what_is_too_long_or_says_nothing_is_found(tmp_path: Path) -> None:
    module = tmp_path / "planted.py"
    body = "\n".join(f"        x{number} = {number}" for number in range(FUNCTION_MOST))
    module.write_text(f'class Loud:\n    """Says so."""\n\n    def grown(self):\n{body}\n\n    def _own(self): ...\n')
    assert list(undocumented(module)) == ["planted.py", "planted.py: grown"]
    assert [each.lines for each in _over(function_lengths([module]), FUNCTION_MOST)] == [FUNCTION_MOST + 1]
