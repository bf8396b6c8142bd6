"""The data map: a YAML file that says what a store holds about people, and how to find and erase it.

From it follow the manifest and every statement that is run. `custodians/samples/maps` has three to copy.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from contracts.identifiers import IdentifierKind
from contracts.ids import DataClass
from contracts.manifest import Claims, Provides
from contracts.results import Ground, Level
from contracts.wire import Wire
from custodians.sdk import ClassHeld, Declaration, Erase, Fate, GiveUp, Retain
from custodians.sdk.declaration import all_operations

COLUMN = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
TABLE = r"^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$"
PATH = r"^[A-Za-z_][A-Za-z0-9_.]{0,126}$"

SQL_AT_ONCE: Final = 40
"""Of one operation; four times the connections to the database, so that small parts of many people leave together."""

Column = Annotated[str, Field(pattern=COLUMN)]


def _by_name(vocabulary: type[Ground | Level]) -> BeforeValidator:
    def named(given: Any) -> Any:  # noqa: ANN401 -- whatever stands in the file
        known = {each.name.lower(): each for each in vocabulary}
        return known.get(given, given) if isinstance(given, str) else given

    return BeforeValidator(named)


class KeyNotUnique(GiveUp):
    """A key of the map names more than one record: nothing was erased, for the others may be somebody else's."""


class NoRetentionDate(GiveUp):
    """A record that may have to be kept has no date from which to count."""


class KeptUntil(Wire, extra="forbid"):
    """A date in the record, or so many years after one; to the end of that year if the law counts in years."""

    column: str = Field(pattern=PATH)
    years: int = Field(default=0, ge=0, le=100)
    end_of_year: bool = False

    def date(self, value: object) -> date:
        """Return the last day of keeping a record with *value* in the column."""
        start = date.fromisoformat(value[:10]) if isinstance(value, str) else value
        if not isinstance(start, date):
            raise NoRetentionDate
        day = date(start.year, start.month, start.day)  # of a time, its day
        if self.end_of_year:
            return date(day.year + self.years, 12, 31)
        leap = day.month == 2 and day.day == 29 and self.years % 4  # noqa: PLR2004 -- 29 February
        return date(day.year + self.years, 3, 1) if leap else day.replace(year=day.year + self.years)


class Retention(Wire, extra="forbid"):
    """Why records of a class must be kept, and until when. After that they are erased like any other."""

    ground: Annotated[Ground, _by_name(Ground)]
    until: KeptUntil

    def fate(self, value: object, today: date) -> Fate:
        until = self.until.date(value)
        return Retain(self.ground, until) if until >= today else Erase()


class MappedClass(ClassHeld):
    """A data class and where it lies: the record's own key, and the columns that name a person."""

    level: Annotated[Level, _by_name(Level)]
    required_level: Annotated[Level, _by_name(Level)] = Level.INVISIBLE
    key: str = Field(pattern=PATH)
    match: Mapping[IdentifierKind, Annotated[str, Field(pattern=PATH)]] = Field(default_factory=dict)
    retain: Retention | None = None


class BelongsTo(Wire, extra="forbid"):
    """Rows that are a person's because a row of another class is: *column* holds that row's key."""

    data_class: DataClass = Field(alias="class")
    column: Column


class TableClass(MappedClass):
    """Rows of one table. Every column is either handed over or left out for a reason."""

    table: str = Field(pattern=TABLE)
    columns: tuple[Column, ...] = Field(min_length=1)
    leave_out: Mapping[Column, str] = Field(default_factory=dict)
    belongs_to: BelongsTo | None = None


class FileClass(MappedClass):
    """Records in files, JSON lines or Parquet by their ending. `*` stands for any part of a name."""

    files: str = Field(pattern=r"\.(jsonl|ndjson|parquet)$")
    leave_out: Mapping[str, str] = Field(default_factory=dict)


class ProvidedFrom(Provides, extra="forbid"):
    """A kind of identifier, and the class and column in which this store knows it."""

    source: str = Field(alias="from", pattern=r"^[a-z][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_.]*$")

    @property
    def data_class(self) -> DataClass:
        return DataClass(self.source.partition(".")[0])

    @property
    def column(self) -> str:
        return self.source.partition(".")[2]


class _Map(Declaration):
    provides: tuple[ProvidedFrom, ...] = ()

    @model_validator(mode="after")
    def _names_only_what_is_there(self) -> Self:
        names = {each.name for each in self.classes}
        if any(each.data_class not in names for each in self.provides):
            raise ValueError("an identifier is provided from a class that is not in the map")
        return self


class SqlMap(_Map):
    """The data map of a PostgreSQL database."""

    store: Literal["sql"]
    operations: tuple[Claims, ...] = all_operations(at_once=SQL_AT_ONCE)
    classes: tuple[TableClass, ...]

    @model_validator(mode="after")
    def _has_owners(self) -> Self:
        names = {each.name for each in self.classes}
        owners = [each.belongs_to.data_class for each in self.classes if each.belongs_to]
        if not names.issuperset(owners):
            raise ValueError("a class belongs to one that is not in the map")
        if any(not each.match and not each.belongs_to for each in self.classes):
            raise ValueError("a class says neither what it matches nor what it belongs to")
        self.in_order()  # raises if classes belong to each other in a ring
        return self

    def of(self, name: DataClass) -> TableClass:
        return next(each for each in self.classes if each.name == name)

    def in_order(self) -> Sequence[TableClass]:
        """Return the classes so that what belongs to another comes before it: the order in which rows may go."""
        return sorted(self.classes, key=self._depth, reverse=True)

    def _depth(self, of: TableClass) -> int:
        depth, at = 0, of
        while at.belongs_to is not None:
            depth, at = depth + 1, self.of(at.belongs_to.data_class)
            if depth > len(self.classes):
                raise ValueError("classes belong to each other in a ring")
        return depth


class ObjectsMap(_Map):
    """The data map of a folder or a bucket."""

    store: Literal["objects"]
    classes: tuple[FileClass, ...]

    @model_validator(mode="after")
    def _matches_something(self) -> Self:
        if any(not each.match for each in self.classes):
            raise ValueError("a class does not say what it matches")
        return self


DataMap = SqlMap | ObjectsMap

_MAPS: TypeAdapter[DataMap] = TypeAdapter(Annotated[DataMap, Field(discriminator="store")])


def parse(content: object) -> DataMap:
    """Check what was read from a map's YAML; raise `ValidationError`."""
    return _MAPS.validate_python(content)
