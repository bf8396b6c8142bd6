"""What is seen of the demo while it runs."""

import io

from rich.console import Console

from orchestrator.entrypoints.machine.view import View
from tests.unit.machine.shown import CUSTODIANS, a_task, an_access


def seen(*, terminal: bool, silent: bool = False) -> str:
    """Show a request on its way, and return all that was written."""
    out = io.StringIO()
    view = View(Console(file=out, force_terminal=terminal, width=100), silent=silent)
    searching = an_access("searching") | {"tasks": [a_task("user-profiles", "collect", "issued")]}
    view.say("starting")
    with view.live():
        view.update("access", searching)
        view.update("access", searching)
        view.update("access", an_access("reviewing"))
    return out.getvalue()


def test_a_terminal_shows_a_row_a_custodian_with_state_and_records() -> None:
    rows = [line for line in seen(terminal=True).splitlines() if "│" in line or "collect done" in line]
    assert all(any(name in row and "collect done" in row and "8" in row for row in rows) for name in CUSTODIANS)


def test_a_terminal_is_redrawn_instead_of_filled() -> None:
    assert "\x1b[" in seen(terminal=True)


def test_without_a_terminal_every_change_is_one_plain_line() -> None:
    text = seen(terminal=False)
    assert "\x1b[" not in text
    told = [line.split("s  ", 1)[1] for line in text.splitlines()[1:]]
    assert told == [
        "access: searching",
        "access · recommendation-logs: not asked yet",
        "access · transaction-history: not asked yet",
        "access · user-profiles: collect issued",
        "access: reviewing",
        "access · recommendation-logs: collect done",
        "access · transaction-history: collect done",
        "access · user-profiles: collect done",
    ]


def test_a_silent_view_writes_nothing_at_all() -> None:
    assert seen(terminal=True, silent=True) == ""
