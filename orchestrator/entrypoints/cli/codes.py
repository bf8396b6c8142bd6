"""How a command ends: its exit code, and what it says when it fails."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

import typer

Json = dict[str, Any]


class Code(IntEnum):
    """What the exit code says."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_FOUND = 4
    CONFLICT = 5


class Failed(Exception):
    """The command ends here: with this code, and this told."""

    def __init__(self, code: Code, detail: str, *, problem: Json | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.problem = problem or {"type": f"urn:dsar:{code.name.lower()}", "detail": detail}


@contextmanager
def failing(*, as_json: bool) -> Iterator[None]:
    """Turn what fails into a line on stderr and the exit code that goes with it."""
    try:
        yield
    except Failed as failed:
        print(json.dumps(failed.problem) if as_json else f"dsar: {failed}", file=sys.stderr)
        raise typer.Exit(failed.code) from None
