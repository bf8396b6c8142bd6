"""The ledger of one worker, in SQLite."""

import json
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from struct import pack
from typing import Final, Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.command import Operation
from contracts.framing import framed
from contracts.ids import DataClass, TaskId
from contracts.results import TaskOutcome
from custodians.runner import ledger
from custodians.runner.committer import Committer
from custodians.runner.ledger import Ending, Owed, Planned, Row, State, Stored, Verdict
from custodians.runner.orders import Order
from custodians.runner.tally import Tally
from custodians.sdk import Holding

NONCE_BYTES: Final = 12

SCHEMA: Final = """
create table if not exists task (
    task blob primary key,
    operation text not null,
    state text not null,
    due integer not null,
    owed integer not null,
    unsent integer not null,
    accepted_at integer not null,
    touched_at integer not null,
    doc text not null
) without rowid;
create index if not exists task_due on task (operation, accepted_at) where due;
create index if not exists task_owed on task (accepted_at) where owed;
create index if not exists task_unsent on task (accepted_at) where unsent;
create index if not exists task_open on task (accepted_at) where state in ('accepted', 'planned');
create table if not exists page (
    task blob not null,
    n integer not null,
    holdings blob not null,
    primary key (task, n)
) without rowid;
"""

READ: Final = "select doc from task where task = ?"
WRITE: Final = """
insert into task (task, operation, state, due, owed, unsent, accepted_at, touched_at, doc)
values (:task, :operation, :state, :due, :owed, :unsent, :now, :now, :doc)
on conflict (task) do update set state = excluded.state, due = excluded.due, owed = excluded.owed,
    unsent = excluded.unsent, touched_at = max(touched_at, excluded.touched_at), doc = excluded.doc
"""
DUE: Final = "select doc from task where due and operation = ? order by accepted_at limit ?"
OWED: Final = "select doc from task where owed order by accepted_at"
UNSENT: Final = "select doc from task where unsent order by accepted_at limit ?"
SENT: Final = """
update task set unsent = 0, doc = json_set(doc, '$.unsent', json('false')), touched_at = max(touched_at, ?)
where task = ? and unsent and json_extract(doc, '$.answer.digest') = ?
"""  # an answer is known by the command that it answers; there may be a newer one by now
OLDEST_OPEN: Final = "select min(accepted_at) from task where state in ('accepted', 'planned') and due"
FORGET: Final = "delete from task where touched_at < ? and not due and not owed and not unsent returning task"
PAGE: Final = "insert or replace into page (task, n, holdings) values (?, ?, ?)"
READ_PAGE: Final = "select holdings from page where task = ? and n = ?"
DROP_PAGES: Final = "delete from page where task = ?"


class SqliteLedger:
    """Keeps the promises of `Ledger` for one worker. Leave it to close the file; nothing is half written by a kill."""

    def __init__(self, path: Path, key: bytes, *, now: Callable[[], float]) -> None:
        self._cipher = AESGCM(key)
        self._now = now
        self._committer = Committer(path, SCHEMA)
        self._do = self._committer.do

    async def __aenter__(self) -> Self:
        self._committer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._committer.stop()

    async def accept(self, orders: Sequence[Order], now: int) -> list[Verdict]:
        def step(connection: sqlite3.Connection) -> list[Verdict]:
            verdicts = []
            for order in orders:
                before = _read(connection, order.task_id)
                row, verdict = ledger.accept(before, order)
                if row is not before:
                    _write(connection, row, now)
                verdicts.append(verdict)
            return verdicts

        return await self._do(step) if orders else []

    async def row(self, task: TaskId) -> Row | None:
        return await self._do(lambda connection: _read(connection, task))

    async def due(self, operation: Operation, limit: int) -> list[Order]:
        rows = await self._do(lambda connection: _rows(connection, DUE, operation, limit))
        return [row.order for row in rows if row.order is not None]

    async def owed(self) -> list[Owed]:
        rows = await self._do(lambda connection: _rows(connection, OWED))
        return [Owed(order=row.owed, outcome=row.outcome) for row in rows if row.owed and row.outcome]

    async def spool(self, task: TaskId, n: int, holdings: Sequence[Holding]) -> None:
        sealed = self._sealed(task, n, holdings)

        def step(connection: sqlite3.Connection) -> None:
            row = _read(connection, task)
            if row is None or row.state is not State.ACCEPTED:
                return
            if n == 0:
                connection.execute(DROP_PAGES, (task.bytes,))
            connection.execute(PAGE, (task.bytes, n, sealed))

        await self._do(step)

    async def plan(self, order: Order, tally: Tally, pages: int, now: int) -> Planned:
        def step(connection: sqlite3.Connection) -> Planned:
            before = _known(connection, order.task_id)
            planned = ledger.plan(before, order, tally, pages, now)
            if planned.row is not before:
                _write(connection, planned.row, now)
            return planned

        return await self._do(step)

    async def page(self, task: TaskId, n: int) -> list[Holding]:
        def step(connection: sqlite3.Connection) -> bytes:
            (sealed,) = connection.execute(READ_PAGE, (task.bytes, n)).fetchone()
            return bytes(sealed)

        return self._opened(task, n, await self._do(step))

    async def page_erased(self, task: TaskId, n: int) -> None:
        def step(connection: sqlite3.Connection) -> None:
            row = _known(connection, task)
            _write(connection, row.model_copy(update={"erased_pages": max(row.erased_pages, n + 1)}), self._at())

        await self._do(step)

    async def finish(self, order: Order, ending: Ending, outcome: TaskOutcome | None, answer: Stored) -> bool:
        return await self._answer(order, lambda row: ledger.finish(row, order, ending, outcome, answer))

    async def tell(self, order: Order, answer: Stored) -> bool:
        return await self._answer(order, lambda row: ledger.tell(row, order, answer))

    async def _answer(self, order: Order, decide: Callable[[Row], Row | None]) -> bool:
        def step(connection: sqlite3.Connection) -> bool:
            row = decide(_known(connection, order.task_id))
            if row is None:
                return False
            _write(connection, row, self._at())
            if row.state in (State.DONE, State.ENDED):
                connection.execute(DROP_PAGES, (order.task_id.bytes,))  # nobody needs the keys any more
            return True

        return await self._do(step)

    async def unsent(self, limit: int) -> list[Stored]:
        rows = await self._do(lambda connection: _rows(connection, UNSENT, limit))
        return [row.answer for row in rows if row.answer is not None]

    async def sent(self, answers: Sequence[Stored]) -> None:
        def step(connection: sqlite3.Connection) -> None:
            connection.executemany(SENT, values)

        at = self._at()
        values = [(at, answer.task_id.bytes, answer.digest) for answer in answers]
        await self._do(step)

    async def oldest_open(self) -> int | None:
        def step(connection: sqlite3.Connection) -> int | None:
            (oldest,) = connection.execute(OLDEST_OPEN).fetchone()
            return None if oldest is None else int(oldest)

        return await self._do(step)

    async def forget(self, before: int) -> int:
        def step(connection: sqlite3.Connection) -> int:
            gone = connection.execute(FORGET, (before,)).fetchall()
            connection.executemany(DROP_PAGES, gone)
            return len(gone)

        return await self._do(step)

    def _at(self) -> int:
        return int(self._now())

    def _sealed(self, task: TaskId, n: int, holdings: Sequence[Holding]) -> bytes:
        plain = json.dumps([(each.data_class, each.key) for each in holdings]).encode()
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _bound_to(task, n))

    def _opened(self, task: TaskId, n: int, sealed: bytes) -> list[Holding]:
        plain = self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _bound_to(task, n))
        return [Holding(data_class=DataClass(name), key=key) for name, key in json.loads(plain)]


def _bound_to(task: TaskId, n: int) -> bytes:
    return framed(b"dsar-ledger-v1", task.bytes, pack(">I", n))


def _read(connection: sqlite3.Connection, task: TaskId) -> Row | None:
    found = connection.execute(READ, (task.bytes,)).fetchone()
    return None if found is None else Row.model_validate_json(found[0])


def _known(connection: sqlite3.Connection, task: TaskId) -> Row:
    row = _read(connection, task)
    if row is None:
        raise LookupError("a task that was never accepted")
    return row


def _rows(connection: sqlite3.Connection, query: str, *values: object) -> list[Row]:
    return [Row.model_validate_json(doc) for (doc,) in connection.execute(query, values)]


def _write(connection: sqlite3.Connection, row: Row, now: int) -> None:
    values = {
        "task": row.task_id.bytes,
        "operation": row.operation,
        "state": row.state,
        "due": row.due,
        "owed": row.owed is not None,
        "unsent": row.unsent,
        "now": now,
        "doc": row.model_dump_json(exclude_none=True),
    }
    connection.execute(WRITE, values)
