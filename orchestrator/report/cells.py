"""Collected values as text. They come from strangers: a cell must never become a formula, nor a name a path."""

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from contracts.parts import BrokenPart
from orchestrator.report.words import heading

# = + - @, then what spreadsheets may fold into them: full-width, small, super- and subscript forms, the minus sign
FORMULA: Final = (
    "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
    "\u207c\u207a\u207b\u208c\u208a\u208b\u2a75\u2a76\ufb29\u2212"
)  # fmt: skip
SEPARATORS: Final = re.compile(r"[;\t\r\n]")
_SIGN: Final = re.compile(rf"[{FORMULA}]")
# A run of separators and white space is looked at once, from its start: linear in the length of any text.
_BEFORE_FORMULA: Final = re.compile(rf"\A[;\s\0]*+(?=[{FORMULA}])|(?<![;\s\0])[;\s\0]++(?=[{FORMULA}])")
_JSON: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_CONTROL: Final = ("\t", "\r", "\n", "\0")
_SAFE_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,47}")
_DEVICES: Final = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


def exact(value: JsonValue) -> str:
    """JSON of a value, exactly as it was collected; raise `BrokenPart` for what JSON cannot say."""
    try:
        if type(value) is int:  # by far the most frequent; the encoder builds itself anew for each value
            return str(value)
        return _JSON.encode(value)
    except (ValueError, RecursionError):
        raise BrokenPart("a record holds a value that JSON cannot say") from None


def readable(value: JsonValue) -> str:
    """A value for people: what is nested reads as lines, and as JSON where it is nested deeper."""
    match value:
        case str():
            return value
        case dict():
            return "\n".join(f"{heading(name)}: {_inline(each)}" for name, each in value.items())
        case list() if any(isinstance(each, dict | list) for each in value):
            return "\n".join(f"• {_inline(each)}" for each in value)
        case _:
            return _inline(value)


def _inline(value: JsonValue) -> str:
    match value:
        case dict():
            return ", ".join(f"{heading(name)}: {_short(each)}" for name, each in value.items())
        case list():
            return ", ".join(_short(each) for each in value)
        case _:
            return _short(value)


def _short(value: JsonValue) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case _:
            return exact(value)


def csv_row(values: Iterable[JsonValue]) -> str:
    """A line of RFC 4180. Texts are quoted, numbers are not, and no text is left that a spreadsheet would run."""
    return ",".join(map(_csv_cell, values)) + "\r\n"


def _csv_cell(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, int | float):  # and so true and false
        return exact(value)
    text = guarded(value if isinstance(value, str) else exact(value))
    return '"' + text.replace('"', '""') + '"'


def guarded(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet would begin to read a formula.

    Not only in front: a spreadsheet that expects another separator than the comma begins a new cell behind ; or a tab,
    and behind a line end, even within our quotes.
    """
    safe = _BEFORE_FORMULA.sub(_apostrophe, text) if _SIGN.search(text) else text
    return "'" + safe if safe.startswith(_CONTROL) else safe


def _apostrophe(run: re.Match[str]) -> str:
    begins = run.start() == 0 or SEPARATORS.search(run[0])
    return run[0] + "'" if begins else run[0]


def safe_name(name: str) -> str:
    """A custodian or data class as the name of a file or folder, on any system. Different names stay different."""
    if _SAFE_NAME.fullmatch(name) and name not in _DEVICES:
        return name
    return "_" + sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
