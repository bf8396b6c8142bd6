"""One thread that owns a SQLite file: what is asked at once is committed at once."""

import asyncio
import fcntl
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from custodians.runner.failures import HomeInUse

T = TypeVar("T")

MOST_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Step:
    run: Callable[[sqlite3.Connection], Any]
    future: "asyncio.Future[Any]"


class Committer:
    """Runs steps in their order, many in one transaction. A step that raises is undone alone."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path = path
        self._schema = schema
        self._steps: queue.SimpleQueue[_Step | None] = queue.SimpleQueue()
        self._lock: IO[bytes] | None = None
        self._thread = threading.Thread(target=self._serve, name="ledger", daemon=True)

    def start(self) -> None:
        """Make the tables if need be, and begin; raise `HomeInUse` if another process has the file."""
        self._lock = _locked(self._path)
        with closing(_connect(self._path)) as connection:
            connection.executescript(self._schema)
        self._thread.start()

    async def stop(self) -> None:
        """Return when all that was asked is committed and the file is closed."""
        self._steps.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._lock is not None:
            self._lock.close()

    async def do(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a step; its result comes only once it is durable. A caller that is cancelled does not undo it."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._steps.put(_Step(run, future))
        return await future

    def _serve(self) -> None:
        with closing(_connect(self._path)) as connection:
            for batch in self._batches():
                _commit(connection, batch)

    def _batches(self) -> Iterator[list[_Step]]:
        while (first := self._steps.get()) is not None:
            batch = [first]
            while len(batch) < MOST_AT_ONCE and not self._steps.empty():
                following = self._steps.get()
                if following is None:
                    yield batch
                    return
                batch.append(following)
            yield batch


def _locked(path: Path) -> IO[bytes]:
    """Two workers on one ledger would both run what it holds. The lock goes with its process, however that ends."""
    file = path.with_suffix(".lock").open("ab")
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise HomeInUse(f"another worker has {path.parent}") from None
    return file


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")  # durable means: it survives a power cut
    connection.execute("pragma secure_delete = on")
    return connection


def _commit(connection: sqlite3.Connection, batch: Sequence[_Step]) -> None:
    """Run the steps in one transaction, and say what became of them only once it is durable: of all at once."""
    try:
        with _transaction(connection):
            results = [_run(connection, step) for step in batch]
    except sqlite3.Error as error:
        results = [(None, error)] * len(batch)
    futures = [step.future for step in batch]
    futures[0].get_loop().call_soon_threadsafe(_settle, futures, results)


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    finally:
        if connection.in_transaction:
            connection.execute("rollback")


def _run(connection: sqlite3.Connection, step: _Step) -> tuple[Any, BaseException | None]:
    connection.execute("savepoint step")
    try:
        result = step.run(connection)
    except Exception as error:  # noqa: BLE001 -- handed to whoever asked; the others of the batch go on
        connection.execute("rollback to step")
        return None, error
    finally:
        connection.execute("release step")
    return result, None


def _settle(futures: "Sequence[asyncio.Future[Any]]", results: Sequence[tuple[Any, BaseException | None]]) -> None:
    for future, (result, error) in zip(futures, results, strict=True):
        if future.cancelled():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
