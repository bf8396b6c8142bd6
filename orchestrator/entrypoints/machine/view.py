"""What is seen of the demo while it runs: a table that changes, or plain lines where there is no terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

Json = dict[str, Any]


class View:
    """One row a custodian and request: what it does, how many records, since when. Says nothing when *silent*."""

    def __init__(self, console: Console, *, silent: bool = False) -> None:
        self._console = console
        self._silent = silent
        self._began = time.monotonic()
        self._shown: dict[str, Json] = {}
        self._told: dict[tuple[str, str], str] = {}
        self._live: Live | None = None

    def say(self, text: str) -> None:
        """Tell one line."""
        if not self._silent:
            self._console.print(text, highlight=False)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Redraw while the block runs, if there is a terminal to redraw on."""
        redraws = self._console.is_terminal and not self._silent
        self._live = Live(console=self._console, refresh_per_second=10) if redraws else None
        with self._live or nullcontext():
            yield
        self._live = None

    def update(self, kind: str, shown: Json) -> None:
        """Show where a request of this kind stands now."""
        self._shown[kind] = shown
        if self._live is not None:
            self._live.update(self._table())
        else:
            self._tell_changes(kind, shown)

    def _tell_changes(self, kind: str, shown: Json) -> None:
        rows = [("", shown["state"]), *((custodian, state) for custodian, state, _ in _rows(shown))]
        for custodian, state in rows:
            if self._told.get((kind, custodian)) != state:
                self._told[kind, custodian] = state
                who = f"{kind} · {custodian}" if custodian else kind
                self.say(f"{time.monotonic() - self._began:6.1f} s  {who}: {state.replace('_', ' ')}")

    def _table(self) -> Table:
        table = Table(title=f"{time.monotonic() - self._began:.1f} s", title_justify="left")
        for heading in ("request", "custodian", "state", "records"):
            table.add_column(heading)
        for kind, shown in self._shown.items():
            table.add_row(kind, "", f"[bold]{shown['state'].replace('_', ' ')}[/bold]", "")
            for custodian, state, records in _rows(shown):
                table.add_row("", custodian, state, str(records) if records else "")
        return table


def _rows(shown: Json) -> Iterator[tuple[str, str, int]]:
    for custodian in sorted({line["custodian"] for line in shown["lines"]}):
        tasks = [task for task in shown["tasks"] if task["custodian"] == custodian]
        newest = max(tasks, key=lambda task: task["since"], default=None)
        state = "not asked yet" if newest is None else f"{newest['operation']} {newest['state']}"
        yield custodian, state, _records(shown, custodian)


def _records(shown: Json, custodian: str) -> int:
    lines = [line for line in shown["lines"] if line["custodian"] == custodian]
    return sum(result.get("count", 0) for line in lines for result in line["said"] or line["previewed"])
