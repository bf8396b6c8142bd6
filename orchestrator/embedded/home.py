"""The folder in which everything of one machine lives: its ports, processes, addresses, logs; one owner at a time."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.embedded.errors import EmbeddedError, HomeInUse, Unavailable
from orchestrator.embedded.identity import Identity
from orchestrator.embedded.ports import choose_port

RUN_FILE = "run.json"


class Leftover(BaseModel):
    """A child as it is written down, for the case that its parent is killed before it."""

    model_config = ConfigDict(frozen=True)

    identity: Identity
    adopt: bool  # a database is taken over alive; anything else is stopped and started anew


class Run(BaseModel):
    """What `run.json` holds. Ports are chosen once and kept; processes and addresses are those of the last run."""

    model_config = ConfigDict(frozen=True)

    ports: dict[str, int] = {}
    processes: dict[str, Leftover] = {}
    addresses: dict[str, str] = {}


class Home:
    """An open home. Whoever holds one is the only one: the lock ends with the process, however that ends."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run_file = root / RUN_FILE
        self._run = read_run(root)

    @classmethod
    @contextmanager
    def opened(cls, root: Path) -> Iterator[Self]:
        """Make the folder if need be and own it; raise `HomeInUse` while another process does."""
        root = root.expanduser().absolute()
        _make_private(root)
        with _locked(root):
            yield cls(root)

    def port(self, name: str) -> int:
        """Return the port of this name: chosen at the first call ever, the same from then on."""
        if name not in self._run.ports:
            port = choose_port(avoid=self._run.ports.values())
            self._keep(self._run.model_copy(update={"ports": {**self._run.ports, name: port}}))
        return self._run.ports[name]

    @property
    def leftovers(self) -> dict[str, Leftover]:
        return dict(self._run.processes)

    def remember(self, name: str, leftover: Leftover) -> None:
        self._keep(self._run.model_copy(update={"processes": {**self._run.processes, name: leftover}}))

    def forget(self, name: str) -> None:
        others = {key: value for key, value in self._run.processes.items() if key != name}
        self._keep(self._run.model_copy(update={"processes": others}))

    def announce(self, name: str, address: str) -> None:
        """Write down where something can be reached. Never a secret: people paste this file."""
        self._keep(self._run.model_copy(update={"addresses": {**self._run.addresses, name: address}}))

    def folder(self, name: str) -> Path:
        folder = self.root / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def log(self, name: str) -> Path:
        return self.folder("logs") / f"{name}.log"

    def _keep(self, run: Run) -> None:
        write_private(self.run_file, run.model_dump_json(indent=2) + "\n")
        self._run = run


def read_run(root: Path) -> Run:
    """Read what the last (or the present) owner of this home wrote down; needs no lock."""
    path = root / RUN_FILE
    try:
        return Run.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Run()
    except ValidationError as error:
        raise EmbeddedError(f"{path} cannot be read; remove it to have ports chosen anew") from error


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; nobody else may read it."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _make_private(root: Path) -> None:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = root.stat()
    if status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
        raise Unavailable(f"{root} belongs to somebody else or anyone may write to it; set DSAR_HOME to another folder")
    root.chmod(0o700)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    path = root / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUse(root, path.read_text() or "unknown") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
