"""Where objects lie: a folder or a bucket. Both can list, read, and replace an object as a whole or not at all."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import IO, Final, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import ObjectStore, from_url

from custodians.sdk import TryLater

REWRITING: Final = ".rewriting"
"""The ending of a file that is not complete. It matches no data map, and is removed when the folder is next opened."""


class ObjectChanged(TryLater):
    """Somebody else wrote the object while it was being rewritten: nothing was replaced."""


class ObjectsUnavailable(TryLater):
    """The store of objects does not answer."""


Write = Callable[[IO[bytes]], bool]
"""Writes the new content, and says whether it differs from the old."""


class Place(Protocol):
    """Objects by name. All calls block: they are made in threads."""

    def names(self, prefix: str) -> list[str]:
        """The names of all objects that begin with *prefix*, sorted."""

    def version(self, name: str) -> str | None:
        """What changes whenever the object does; None if there is no such object."""

    def read(self, name: str) -> IO[bytes]:
        """Open an object; raise `FileNotFoundError` if it is gone."""

    def replace(self, name: str, version: str | None, write: "Write") -> None:
        """Put what *write* writes in the object's place, at once, unless it says that nothing is new.

        Raises `ObjectChanged` if the object no longer has *version*; then, or if *write* raises, it stays as it was.
        """


def place_at(url: str) -> Place:
    """Return the folder of a `file:` address, or the bucket of any other that object stores know."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Folder(Path(url2pathname(parts.path)))
    return Bucket(from_url(url))


class Folder:
    """A folder on this machine. A new file is complete on disk before it is renamed over the old one."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve(strict=True)
        for left in self._root.rglob(f"*{REWRITING}"):
            _remove_abandoned(left)

    def names(self, prefix: str) -> list[str]:
        folder = self._root / prefix.rpartition("/")[0]
        with _store_errors():
            return self._names(folder, prefix)

    def _names(self, folder: Path, prefix: str) -> list[str]:
        paths = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(REWRITING))
        names = (path.relative_to(self._root).as_posix() for path in paths)
        return sorted(name for name in names if name.startswith(prefix))

    def version(self, name: str) -> str | None:
        try:
            found = (self._root / name).stat()
        except FileNotFoundError:
            return None
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"

    def read(self, name: str) -> IO[bytes]:
        with _store_errors():
            return (self._root / name).open("rb")

    def replace(self, name: str, version: str | None, write: Write) -> None:
        path = self._root / name
        with _store_errors(), NamedTemporaryFile(dir=path.parent, suffix=REWRITING, delete=False) as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)  # says that somebody is at it, until we end, however we end
            try:
                if write(file):
                    self._put(Path(file.name), file, path, name, version)
            finally:
                Path(file.name).unlink(missing_ok=True)

    def _put(self, new: Path, file: IO[bytes], path: Path, name: str, version: str | None) -> None:
        file.flush()
        os.fsync(file.fileno())
        if self.version(name) != version:
            raise ObjectChanged
        try:
            shutil.copymode(path, new)
            new.replace(path)
        except FileNotFoundError:
            raise ObjectChanged from None
        _sync_folder(path.parent)


class Bucket:
    """An object store. The replacement is put under the condition that nobody wrote since, in one request."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def names(self, prefix: str) -> list[str]:
        folder = prefix.rpartition("/")[0]
        with _store_errors():
            found = [each["path"] for page in obstore.list(self._store, prefix=folder or None) for each in page]
        return sorted(name for name in found if name.startswith(prefix))

    def version(self, name: str) -> str | None:
        try:
            with _store_errors():
                return obstore.head(self._store, name)["e_tag"]
        except FileNotFoundError:
            return None

    def read(self, name: str) -> IO[bytes]:
        spool = TemporaryFile()  # noqa: SIM115 -- handed on; it has no name, so nothing stays behind
        try:
            with _store_errors():
                for chunk in obstore.get(self._store, name).stream():
                    spool.write(chunk)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return spool

    def replace(self, name: str, version: str | None, write: Write) -> None:
        with TemporaryFile() as spool:
            if not write(spool):
                return
            spool.seek(0)
            try:
                with _store_errors():
                    obstore.put(self._store, name, spool, mode={"e_tag": version}, use_multipart=False)
            except PreconditionError:
                raise ObjectChanged from None


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except (PreconditionError, FileNotFoundError):
        raise
    except (BaseError, OSError) as error:
        raise ObjectsUnavailable from error


def _remove_abandoned(new: Path) -> None:
    """Remove what a killed rewrite left behind: it is complete for nobody, and may hold anybody's data."""
    with new.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process is at it
        new.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
