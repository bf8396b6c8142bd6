"""What the first pass over a class learns for the later ones: how many records there are, and which columns."""

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from contracts.parts import PartRecord
from orchestrator.report.cells import exact
from orchestrator.report.words import heading

MAX_COLUMNS: Final = 200
MAX_COLUMN_NAME: Final = 200
OTHER: Final = "other fields"


class Survey:
    """Grows with each record that it sees, but never beyond `MAX_COLUMNS`: what has no column shares the last one."""

    def __init__(self) -> None:
        self.count = 0
        self._columns: dict[str, None] = {}
        self._more = False

    def see(self, record: PartRecord) -> None:
        """Take one record into account."""
        self.count += 1
        for name in record.fields:
            if name in self._columns:
                continue
            if len(self._columns) < MAX_COLUMNS and len(name) <= MAX_COLUMN_NAME:
                self._columns[name] = None
            else:
                self._more = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns by the names of the fields, in the order in which they first appeared."""
        return (*self._columns, OTHER) if self._more else tuple(self._columns)

    @property
    def headings(self) -> tuple[str, ...]:
        """The columns for people."""
        return tuple(heading(name) for name in self.columns)

    def cells(self, record: PartRecord) -> list[JsonValue]:
        """The record's values, one for each column."""
        values = [*map(record.fields.get, self._columns)]
        if self._more:
            others = {name: value for name, value in record.fields.items() if name not in self._columns}
            values.append(exact(others) if others else None)
        return values

    def present(self, record: PartRecord) -> Iterator[tuple[str, JsonValue]]:
        """The columns that the record has a field for, with its value."""
        for name, value in zip(self.columns, self.cells(record), strict=True):
            if name in record.fields or (name == OTHER and value is not None):
                yield name, value
