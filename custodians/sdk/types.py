"""What passes between a custodian and its runner: who is meant, what is held, and what may become of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from contracts.identifiers import Identifier, IdentifierKind
from contracts.ids import DataClass
from contracts.results import Ground


@dataclass(frozen=True, slots=True)
class Subject:
    """A person, by the identifiers that are certain. Nothing that `resolve` found is in here until it was admitted."""

    identifiers: tuple[Identifier, ...] = field(repr=False)

    def values(self, kind: IdentifierKind) -> list[str]:
        """Return the normalised values of *kind*: none, one or several, in a list that SQL drivers take as an array."""
        return [each.value for each in self.identifiers if each.kind is kind]


@dataclass(frozen=True, slots=True)
class Erase:
    """The record may be erased."""


@dataclass(frozen=True, slots=True)
class Retain:
    """The record must be kept, for a ground in law and until a date. The person is told both."""

    ground: Ground
    until: date


Fate = Erase | Retain
"""What an erasure means for one record."""

ERASE = Erase()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One record by its key: whatever finds it again in its data class, in a week and in another process.

    Two holdings with the same class and key are the same record.
    """

    data_class: DataClass
    key: str | int = field(repr=False)
    fate: Fate = ERASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Holding):
    """One record whole, as the person shall get it.

    Values may be what JSON knows, and dates, times, decimals, UUIDs, bytes, enums, nested lists and mappings of them.
    """

    fields: Mapping[str, object] = field(repr=False)
