"""The statements of a data map: names quoted, values bound."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final
from uuid import UUID

from contracts.identifiers import IdentifierKind
from custodians.bundled.datamap import SqlMap, TableClass
from custodians.sdk import Subject

KEY: Final = "dsar_key"
UNTIL: Final = "dsar_until"

COLUMNS: Final = """
select wanted, attribute.attname as name, exists (
    select from pg_index as index
    where index.indrelid = attribute.attrelid and index.indisunique and index.indisvalid and index.indpred is null
    and index.indnkeyatts = 1 and index.indkey[0] = attribute.attnum
) as is_key
from unnest($1::text[]) as wanted
join pg_attribute as attribute on attribute.attrelid = to_regclass(wanted)
where attribute.attnum > 0 and not attribute.attisdropped
order by wanted
"""
"""The columns of the tables named, and which of them names a row by itself; a table that is not there has none."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement and what to bind to it, a list of texts for each parameter."""

    text: str
    values: tuple[list[str], ...] = field(repr=False)


def select(data_map: SqlMap, of: TableClass, subject: Subject, columns: Sequence[str]) -> Query | None:
    """Return the statement that reads the subject's rows of a class; None if nothing about the subject can match."""
    values: list[list[str]] = []
    mine = _mine(data_map, of, subject, values)
    if mine is None:
        return None
    wanted = [quoted(column) for column in columns] + [f"{quoted(of.key)} as {KEY}"]
    if of.retain is not None:
        wanted.append(f"{quoted(of.retain.until.column)} as {UNTIL}")
    text = f"select {', '.join(wanted)} from {quoted(of.table)} where {mine}"  # noqa: S608 -- names of the map, quoted
    return Query(text, tuple(values))


def delete(of: TableClass) -> str:
    """Return the statement that erases rows of a class by their keys, and gives the key of each."""
    key = quoted(of.key)
    return f"delete from {quoted(of.table)} where {key} = any($1) returning {key}"  # noqa: S608 -- names of the map, quoted


def _mine(data_map: SqlMap, of: TableClass, subject: Subject, values: list[list[str]]) -> str | None:
    """Return the condition for the subject's rows, and append what it binds.

    Each way to match is a branch of its own, joined by union: so each can use its own index, which `or` forbids.
    """
    branches = list(_branches(data_map, of, subject, values))
    if len(branches) <= 1:
        return branches[0] if branches else None
    key, table = quoted(of.key), quoted(of.table)
    keys = " union ".join(f"select {key} from {table} where {branch}" for branch in branches)  # noqa: S608 -- the same
    return f"{key} in ({keys})"


def _branches(data_map: SqlMap, of: TableClass, subject: Subject, values: list[list[str]]) -> Iterator[str]:
    for kind, column in of.match.items():
        if known := subject.values(kind):
            values.append(known)
            name = quoted(column)
            folded = (
                f"lower({name})" if kind is IdentifierKind.EMAIL else name
            )  # identifiers are folded, stores are not
            yield f"{folded} = any(${len(values)})"
    if of.belongs_to is not None:
        owner = data_map.of(of.belongs_to.data_class)
        theirs = _mine(data_map, owner, subject, values)
        if theirs is not None:
            owners = f"select {quoted(owner.key)} from {quoted(owner.table)} where {theirs}"  # noqa: S608 -- the same
            yield f"{quoted(of.belongs_to.column)} in ({owners})"


def quoted(name: str) -> str:
    """Return a name as an SQL identifier, that of a table with its schema."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def fitting(values: Sequence[str], type_: str) -> list[object]:
    """Return those of *values* that a parameter of an array type can hold: what does not fit cannot match."""
    convert = _CONVERSIONS.get(type_, _text)
    converted = (convert(value) for value in values)
    return [each for each in converted if each is not None]


def _text(value: str) -> object | None:
    return value


def _integer_below(most: int) -> Callable[[str], object | None]:
    def integer(value: str) -> object | None:
        return int(value) if value.isascii() and value.isdigit() and int(value) < most else None

    return integer


def _decimal(value: str) -> object | None:
    return Decimal(value) if value.isascii() and value.isdigit() else None


def _uuid(value: str) -> object | None:
    try:
        return UUID(value)
    except ValueError:
        return None


_CONVERSIONS: Final[Mapping[str, Callable[[str], object | None]]] = {
    "int8[]": _integer_below(2**63),
    "int4[]": _integer_below(2**31),
    "int2[]": _integer_below(2**15),
    "numeric[]": _decimal,
    "uuid[]": _uuid,
}
