"""What reads the tour finds its steps, and notices what was not said."""

import pytest

from tests.tour.guide import differences, steps

TOUR = """
<!-- tour: of a test -->
Words.
```bash
one
```
```text
1
…
```
More words.
```bash
two
three
```
<!-- /tour -->
```bash
never
```
"""


def test_the_steps_are_found_in_order_and_with_what_they_show() -> None:
    assert [(step.commands, list(step.shown)) for step in steps(TOUR)] == [("one\n", ["1", "…"]), ("two\nthree\n", [])]


@pytest.mark.parametrize(
    "shown", [["a 1", "b"], ["a …", "b"], ["…", "b"], ["a 1", "…"], ["…"], ["…", "a 1", "…", "b", "…"]]
)
def test_what_was_said_may_be_shown_with_gaps(shown: list[str]) -> None:
    assert list(differences(shown, ["a 1   ", "b"])) == []


@pytest.mark.parametrize("shown", [["b"], ["a …"], ["a 2", "b"], ["…", "b", "a 1"], ["a 1", "b", "c"], ["…", "a"], []])
def test_what_was_not_said_is_a_difference(shown: list[str]) -> None:
    assert len(list(differences(shown, ["a 1", "b"]))) == 1
