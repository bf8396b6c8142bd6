import csv
import io
import json
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from contracts.parts import BrokenPart
from orchestrator.report.cells import csv_row, exact, guarded, readable, safe_name

FOLDED = "\uff1d\uff0b\uff0d\uff20\ufe63\u207c\u2212"  # what spreadsheets may take for = + - @
FORMULAS = ["=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "\0=1", " =1", *(f"{sign}1" for sign in FOLDED)]
LEADING = "=+-@"
HOSTILE = st.text(st.sampled_from("=+-@;,\t\r\n\0 \"'a1" + FOLDED) | st.characters(codec="utf-8"), max_size=30)


def folded(text: str) -> str:
    """As a spreadsheet may read it: without white space in front, and without the width of letters."""
    return unicodedata.normalize("NFKC", text.lstrip(" \t\r\n\0\x0b\x0c\x1c\x1d\x1e\x1f\x85"))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert "'" in guarded(text)
    assert not folded(guarded(text)).startswith(tuple(LEADING))
    assert guarded(text).replace("'", "") == text


@pytest.mark.parametrize("before", [";", "\t", "\n", "\r\n", "; ", ";\n"])
def test_a_formula_behind_what_a_spreadsheet_may_take_for_a_separator_gets_one_too(before: str) -> None:
    assert guarded(f"x{before}=1") == f"x{before}'=1"


@pytest.mark.parametrize("text", ["", "plain", "a=b", "a = b", "x-y", "mail@example.org", "1-2", "a, -b", "'quoted'"])
def test_a_text_that_is_no_formula_stays_as_it_is(text: str) -> None:
    assert guarded(text) == text


@pytest.mark.parametrize("control", ["\t", "\r", "\n", "\0"])
def test_a_text_that_begins_with_a_control_gets_an_apostrophe(control: str) -> None:
    assert guarded(control + "a") == "'" + control + "a"


@example(rows=[["a", "x;=1"]], delimiter=";")
@given(
    rows=st.lists(st.lists(HOSTILE, min_size=1, max_size=3), min_size=1, max_size=3), delimiter=st.sampled_from(",;\t")
)
def test_no_cell_is_a_formula_whatever_separator_a_spreadsheet_expects(rows: list[list[str]], delimiter: str) -> None:
    written = "".join(csv_row([*row]) for row in rows)
    for row in csv.reader(io.StringIO(written, newline=""), delimiter=delimiter):
        assert not any(folded(cell).startswith(tuple(LEADING)) for cell in row)


@given(row=st.lists(HOSTILE, min_size=1, max_size=4))
def test_a_row_reads_back_but_for_apostrophes(row: list[str]) -> None:
    [read] = csv.reader(io.StringIO(csv_row([*row]), newline=""), strict=True)
    assert [cell.replace("'", "") for cell in read] == [cell.replace("'", "") for cell in row]


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    assert csv_row([-5, 1.5, True, None, "-5"]) == '-5,1.5,true,,"\'-5"\r\n'


def test_a_nested_value_is_guarded_too() -> None:
    assert csv_row([["=1"], {"a": "\n=1"}]) == '"[""=1""]","{""a"": ""\\n=1""}"\r\n'


@pytest.mark.parametrize("text", ["\n" * 200_000 + "a", " \t" * 100_000 + "a", ";" * 200_000 + "a", "=" * 200_000])
def test_a_long_hostile_text_is_guarded_in_no_time(text: str) -> None:
    begun = time.process_time()
    guarded(text)
    assert time.process_time() - begun < 1


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v, max_size=3)))
def test_an_exact_value_reads_back(value: JsonValue) -> None:
    assert json.loads(exact(value)) == value


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_json_cannot_say_is_refused(number: str) -> None:
    with pytest.raises(BrokenPart):
        exact(json.loads(number))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (12.5, "12.5"),
        ("as it is", "as it is"),
        (["a", "b"], "a, b"),
        ({"street": "Main St 1", "zip_code": None}, "Street: Main St 1\nZip code: "),
        ([{"sku": "X", "qty": 2}, {"sku": "Y"}], "• Sku: X, Qty: 2\n• Sku: Y"),
        ({"a": {"b": {"c": [1]}}}, 'A: B: {"c": [1]}'),
    ],
    ids=repr,
)
def test_a_value_reads_well(value: JsonValue, text: str) -> None:
    assert readable(value) == text


@pytest.mark.parametrize("name", ["shop", "order_lines", "a-b", "x9"])
def test_a_usual_name_is_the_name_of_its_file(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc", "/etc", "C:\\x", "a/b", "a\\b", "a\n", "A", "con", "nul", "lpt1", "\ud800"]
)
def test_a_hostile_name_becomes_a_harmless_one(name: str) -> None:
    assert safe_name(name)[0] == "_"
    assert safe_name(name).isidentifier()


@given(first=st.text(max_size=8), second=st.text(max_size=8))
def test_different_names_stay_different(first: str, second: str) -> None:
    assert (safe_name(first) == safe_name(second)) == (first == second)
