"""The simulated custodian: one class on the real SDK. It erases honestly, and writes down every call and every row."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Self

from custodians.sdk import Custodian, DataClass, Holding, Identifier, Kind, Record, Subject, TryLater
from tests.crash.shelf import Shelf

RECORDS: Final = DataClass("records")
PAGE_TAKES_S: Final = 0.02
"""A store that deletes takes its time, and is killed in the middle of it."""


class StoreBusy(TryLater):
    """The store's disk is full, or somebody holds its lock."""


class Keeper(Custodian):
    """All keepers know both the address and the customer id of their rows; what they ask for is in the manifest."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    @classmethod
    @asynccontextmanager
    async def opened(cls, store: str) -> AsyncIterator[Self]:
        """Open the file at *store*."""
        shelf = Shelf(Path(store))
        try:
            yield cls(shelf)
        finally:
            shelf.close()

    async def collect(self, subject: Subject) -> AsyncIterator[Record]:
        """Everything there is."""
        for key, email, customer in self._rows("collect", subject):
            yield Record(data_class=RECORDS, key=key, fields={"id": key, "email": email, "customer": customer})

    async def find(self, subject: Subject) -> AsyncIterator[Holding]:
        """Its keys."""
        for key, _, _ in self._rows("find", subject):
            yield Holding(data_class=RECORDS, key=key)

    async def erase(self, holdings: Sequence[Holding]) -> None:
        """Delete in two halves, a moment between them: a kill may come there."""
        keys = [str(holding.key) for holding in holdings]
        customer = f"C-{keys[0].split('-')[1]}" if keys else None
        half = len(keys) // 2
        with _patience():
            self._shelf.called("erase", customer, len(keys))
            self._shelf.take(json.dumps(keys[:half]))
            await asyncio.sleep(PAGE_TAKES_S)
            self._shelf.take(json.dumps(keys[half:]))

    def _rows(self, what: str, subject: Subject) -> list[tuple[str, str, str]]:
        with _patience():
            emails, customers = subject.values(Kind.EMAIL), subject.values(Kind.CUSTOMER_ID)
            rows = self._shelf.of(json.dumps(emails), json.dumps(customers))
            self._shelf.called(what, rows[0][2] if rows else next(iter(customers), None), len(rows))
            return rows


class Registrar(Keeper):
    """The one who can follow an address to the customer id."""

    async def resolve(self, subject: Subject) -> Collection[Identifier]:
        """Follow an address to the customer id."""
        return {Identifier(Kind.CUSTOMER_ID, customer) for _, _, customer in self._rows("resolve", subject)}


@contextmanager
def _patience() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreBusy from error
