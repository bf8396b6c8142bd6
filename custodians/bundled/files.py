"""Forms of files: each can be searched, and copied without some of its records. JSON lines are here; others apart."""

import importlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final, Protocol

from contracts.identifiers import IdentifierKind
from custodians.bundled.datamap import FileClass
from custodians.sdk import GiveUp, Subject

Row = Mapping[str, object]

# by ending; loaded when a file is read: what reads Parquet is larger than the rest of a worker
_LOADED: Final = {".parquet": "custodians.bundled.parquet:Parquet"}


class UnreadableRecord(GiveUp):
    """A line is no JSON object, or a record has no key: it cannot be said whose it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for: for each column, the values that name the subject; those of *folded* in any case."""

    values: Mapping[str, frozenset[str]] = field(repr=False)
    folded: frozenset[str] = frozenset()

    def names(self, row: Row) -> bool:
        return any(self._fits(column, at(row, column)) for column in self.values)

    def _fits(self, column: str, value: object) -> bool:
        if value is None:
            return False
        return (str(value).lower() if column in self.folded else str(value)) in self.values[column]


def wanted(of: FileClass, subject: Subject) -> Wanted | None:
    """Return what to look for in the files of a class; None if nothing about the subject can match."""
    values: dict[str, frozenset[str]] = {}
    for kind, column in of.match.items():
        if known := subject.values(kind):
            values[column] = values.get(column, frozenset()) | frozenset(known)
    folded = frozenset(column for kind, column in of.match.items() if kind is IdentifierKind.EMAIL)
    return Wanted(values=values, folded=folded) if values else None


class Form(Protocol):
    """How records lie in a file."""

    def search(self, file: IO[bytes], looking: Wanted) -> Iterator[Row]:
        """Yield the rows that name the subject, a page of the file in memory."""

    def copy_without(self, source: IO[bytes], target: IO[bytes], *, key: str, gone: Collection[str]) -> int:
        """Copy all but the records with the keys *gone*, and return how many were left out."""

    def columns(self, file: IO[bytes]) -> set[str]:
        """The columns of the file, or those of its first record."""


def form_of(name: str) -> Form:
    """Return the form that a name's ending says."""
    for ending, entry in _LOADED.items():
        if name.endswith(ending):
            module, _, form = entry.partition(":")
            made: Form = getattr(importlib.import_module(module), form)()
            return made
    return JsonLines()


class JsonLines:
    """One JSON object a line. Lines that stay are copied as they are, byte for byte."""

    def search(self, file: IO[bytes], looking: Wanted) -> Iterator[Row]:
        hints = [value.encode() for values in looking.values.values() for value in values]
        for line in file:
            if not _may_hold(line, hints):
                continue
            row = _parsed(line)
            if row is not None and looking.names(row):
                yield row

    def copy_without(self, source: IO[bytes], target: IO[bytes], *, key: str, gone: Collection[str]) -> int:
        hints = [each.encode() for each in gone]
        removed = 0
        for line in source:
            row = _parsed(line) if _may_hold(line, hints) else None
            if row is not None and str(at(row, key)) in gone:
                removed += 1
            else:
                target.write(line)
        return removed

    def columns(self, file: IO[bytes]) -> set[str]:
        first = next((row for row in map(_parsed, file) if row is not None), {})
        return set(first)


def at(row: Row, path: str) -> object:
    """Return the value at a dotted path, None if there is none."""
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _may_hold(line: bytes, hints: Sequence[bytes]) -> bool:
    """Look at the bytes before parsing: most lines are other people's. A line with escapes must be parsed."""
    if b"\\" in line or not line.isascii():
        return True
    return any(hint in line or hint in line.lower() for hint in hints)


def _parsed(line: bytes) -> Row | None:
    if not line.strip():
        return None
    try:
        row = json.loads(line)
    except ValueError:
        raise UnreadableRecord from None
    if not isinstance(row, dict):
        raise UnreadableRecord
    return row
