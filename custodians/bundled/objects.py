"""The custodian of files in a folder or a bucket, driven by a data map. To erase is to rewrite a file without it."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final, Self, TypeVar

from custodians.bundled import files
from custodians.bundled.datamap import FileClass, KeyNotUnique, ObjectsMap
from custodians.bundled.files import Row, UnreadableRecord, Wanted
from custodians.bundled.places import ObjectChanged, Place, place_at
from custodians.sdk import Custodian, Erase, Fate, Holding, Identifier, Record, Subject

T = TypeVar("T")

PAGE_ROWS: Final = 500
TRIES: Final = 3
AT: Final = "#"
"""Between a file's name and a record's key, in the key of a holding: the file need not be searched for again."""


class ObjectsCustodian(Custodian):
    """Finds and erases what a data map describes. Files are read as a stream, and replaced whole or not at all.

    Every search reads every file of a class: it suits files that are closed, such as yesterday's logs.
    """

    def __init__(self, data_map: ObjectsMap, place: Place, *, today: Callable[[], date]) -> None:
        self._map = data_map
        self._place = place
        self._today = today
        self._rewriting: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    @classmethod
    @asynccontextmanager
    async def over(cls, data_map: ObjectsMap, store: str, *, today: Callable[[], date]) -> AsyncIterator[Self]:
        """Open the folder or bucket at *store*."""
        yield cls(data_map, await asyncio.to_thread(place_at, store), today=today)

    async def resolve(self, subject: Subject) -> Collection[Identifier]:
        found: set[Identifier] = set()
        for provided in self._map.provides:
            of = next(each for each in self._map.classes if each.name == provided.data_class)
            async for _, row in self._rows(of, subject):
                value = files.at(row, provided.column)
                if value is not None:
                    found.add(Identifier(provided.kind, str(value)))
        return found

    async def collect(self, subject: Subject) -> AsyncIterator[Record]:
        for of in self._map.classes:
            async for name, row in self._rows(of, subject):
                fields = {column: value for column, value in row.items() if column not in of.leave_out}
                yield Record(data_class=of.name, key=_key(name, of, row), fate=self._fate(of, row), fields=fields)

    async def erase(self, holdings: Sequence[Holding]) -> None:
        """Rewrite each file that holds some of these, once."""
        gone: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        keys = {each.name: each.key for each in self._map.classes}
        for holding in holdings:
            name, _, record = str(holding.key).partition(AT)
            gone[name, keys[holding.data_class]].add(record)
        for (name, key), records in gone.items():
            await self._rewrite(name, key, records)

    async def misfits(self) -> list[str]:
        """Say where the map and the files differ: each a sentence about names, never about data."""
        return await asyncio.to_thread(lambda: [misfit for of in self._map.classes for misfit in self._misfits(of)])

    async def _rewrite(self, name: str, key: str, gone: Collection[str]) -> None:
        for attempt in range(TRIES):
            try:
                await asyncio.to_thread(self._copy_without, name, key, gone)
            except ObjectChanged:
                if attempt == TRIES - 1:
                    raise
            else:
                return

    def _copy_without(self, name: str, key: str, gone: Collection[str]) -> None:
        with self._rewriting[name]:  # held by the thread: a task that is cancelled leaves its thread running
            version = self._place.version(name)
            try:
                source = self._place.read(name)
            except FileNotFoundError:
                return  # the whole file is gone, and what was in it
            with source:
                form = files.form_of(name)
                self._place.replace(
                    name, version, lambda target: _some(form.copy_without(source, target, key=key, gone=gone), gone)
                )

    async def _rows(self, of: FileClass, subject: Subject) -> AsyncIterator[tuple[str, Row]]:
        looking = files.wanted(of, subject)
        if looking is None:
            return
        for name in await asyncio.to_thread(self._names, of):
            async for row in _in_threads(self._search(name, looking)):
                yield name, row

    def _search(self, name: str, looking: Wanted) -> Iterator[Row]:
        try:
            with self._place.read(name) as file:
                yield from files.form_of(name).search(file, looking)
        except FileNotFoundError:
            return  # it aged out since it was listed

    def _names(self, of: FileClass) -> list[str]:
        return [name for name in self._place.names(of.files.partition("*")[0]) if fnmatchcase(name, of.files)]

    def _fate(self, of: FileClass, row: Row) -> Fate:
        if of.retain is None:
            return Erase()
        return of.retain.fate(files.at(row, of.retain.until.column), self._today())

    def _misfits(self, of: FileClass) -> Iterator[str]:
        names = self._names(of)
        if not names:
            yield f"{of.name}: no file is named {of.files}"
            return
        with self._place.read(names[0]) as file:
            there = files.form_of(names[0]).columns(file)
        named = {of.key, *of.match.values(), *([of.retain.until.column] if of.retain else [])}
        missing = {column for column in named if column.partition(".")[0] not in there}
        yield from (f"{of.name}: {names[0]} has no column {column}" for column in sorted(missing))


def _key(name: str, of: FileClass, row: Row) -> str:
    key = files.at(row, of.key)
    if key is None or AT in name:  # a name with the sign could not be told from the record's key again
        raise UnreadableRecord
    return f"{name}{AT}{key}"


async def _in_threads(rows: Iterator[T]) -> AsyncIterator[T]:
    """Read a blocking iterator a page at a time, each in a thread."""
    while page := await asyncio.to_thread(lambda: list(islice(rows, PAGE_ROWS))):
        for row in page:
            yield row


def _some(removed: int, gone: Collection[str]) -> bool:
    """Whether anything was left out; raise `KeyNotUnique`, so that the file stays as it is, if it was too much."""
    if removed > len(gone):
        raise KeyNotUnique
    return removed > 0
