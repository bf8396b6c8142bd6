"""A simulated custodian's own store: rows about people, and an append-only log of what was really done to them."""

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

SCHEMA: Final = """
create table if not exists record (
    id text primary key,
    email text not null,
    customer text not null,
    life integer not null default 1
) without rowid;
create index if not exists record_email on record (email);
create index if not exists record_customer on record (customer);
create table if not exists fact (
    n integer primary key autoincrement,
    at real not null default ((julianday('now') - 2440587.5) * 86400.0),
    what text not null,
    customer text,
    record text,
    life integer,
    count integer,
    pid integer
);
create trigger if not exists seen after delete on record begin
    insert into fact (what, customer, record, life, count) values ('deleted', old.customer, old.id, old.life, 1);
end;
create trigger if not exists never_rewritten before update on fact begin select raise(abort, 'append only'); end;
create trigger if not exists never_removed before delete on fact begin select raise(abort, 'append only'); end;
"""
"""A row that goes is in the log by the same transaction, whoever deletes it."""

MINE: Final = """
select id, email, customer from record
where email in (select value from json_each(?)) or customer in (select value from json_each(?)) order by id
"""
PAGE: Final = "delete from record where id in (select value from json_each(?))"
CALLED: Final = "insert into fact (what, customer, count, pid) values (?, ?, ?, ?)"


class Shelf:
    """One store. Everything that is done to it is durable against kill -9 when the call returns."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = off")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        self._connection.close()

    def put(self, rows: Iterable[tuple[str, str, str, int]]) -> None:
        """Add rows (key, e-mail address, customer, life); one whose key is there stays as it is."""
        self._connection.execute("begin immediate")
        self._connection.executemany(
            "insert or ignore into record (id, email, customer, life) values (?, ?, ?, ?)", rows
        )
        self._connection.execute("commit")

    def of(self, emails: str, customers: str) -> list[tuple[str, str, str]]:
        """Rows of a person, by JSON lists of addresses and customer ids."""
        return self._connection.execute(MINE, (emails, customers)).fetchall()

    def take(self, keys: str) -> int:
        """Delete rows by a JSON list of their keys; how many there were."""
        return self._connection.execute(PAGE, (keys,)).rowcount

    def called(self, what: str, customer: str | None, count: int) -> None:
        """Note that the custodian was asked for something."""
        self._connection.execute(CALLED, (what, customer, count, os.getpid()))

    def facts(self) -> Sequence[tuple[int, float, str, str | None, str | None, int | None, int | None]]:
        """All facts in their order: number, time, what, customer, record, life, count."""
        return self._connection.execute(
            "select n, at, what, customer, record, life, count from fact order by n"
        ).fetchall()

    def records(self) -> list[tuple[str, str, int]]:
        """All rows: key, customer, life."""
        return self._connection.execute("select id, customer, life from record").fetchall()

    def last_fact(self) -> int:
        """The number of the newest fact; 0 if there is none."""
        (found,) = self._connection.execute("select coalesce(max(n), 0) from fact").fetchone()
        return int(found)
