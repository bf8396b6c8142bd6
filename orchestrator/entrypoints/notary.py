"""The notary: gives entries their numbers, and remembers outside the database how many it has given."""

import asyncio
import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.embedded.home import write_private
from orchestrator.entrypoints.working import Refuses
from orchestrator.store import log as audit_log
from orchestrator.store import recovery
from orchestrator.store.recovery import Standing
from orchestrator.store.session import Transactions

log = structlog.get_logger()

INTERVAL_S: Final = 0.25
"""The least age of what is numbered: one without a minimum interval steals the writers' syncs, and nobody waits for a
number."""


class RecoveryNeeded(Refuses):
    """The database is behind what is known outside it: a backup was restored, or a replica took over too early."""

    def __init__(self, found: int, known: int | None) -> None:
        told = "" if known is None else f" (it holds {found} log entries, and at least {known} were given numbers)"
        super().__init__(
            f"the database has fallen back to an older state{told}. Nothing runs on it before it is taken up: stop "
            "all roles, then run `dsar recover --backup-time … --log …` as its owner"
        )


class Head(BaseModel):
    """The notary's own file: how many numbers have been given, as far as it has seen. It may be behind, never ahead."""

    model_config = ConfigDict(frozen=True)
    size: int = Field(ge=0)
    generation: int = Field(ge=0)

    @classmethod
    def read(cls, home: Path, log_id: UUID) -> Self | None:
        """Read the file of this log; None if there is none. Raises `Refuses` for one that says nothing."""
        try:
            return cls.model_validate_json(head_file(home, log_id).read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            told = f"{head_file(home, log_id)} cannot be read; compare it with the log before you remove it"
            raise Refuses(told) from None

    def write(self, home: Path, log_id: UUID) -> bool:
        """Replace the file in one step, unless it knows more; False if another notary of this home is at it just now.

        Nobody is waited for: a process that was frozen in the middle must not stop the others.
        """
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        guard = head_file(home, log_id).with_suffix(".lock")
        guard.touch(mode=0o600)
        with guard.open("r+b") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            known = Head.read(home, log_id)
            if known is None or known.size < self.size or known.generation < self.generation:
                write_private(head_file(home, log_id), self.model_dump_json() + "\n")
            return True


def head_file(home: Path, log_id: UUID) -> Path:
    """Where the notary of this log keeps it: a database made anew has another log, and another file."""
    return home / f"notary-{log_id}.json"


def compare(standing: Standing, head: Head | None) -> None:
    """Raise `RecoveryNeeded` if the database is behind *head*, or a notary has found it to be behind its own.

    *head* must have been read before the database: in between the log may have grown.
    """
    if head is not None and standing.size < head.size:
        raise RecoveryNeeded(standing.size, head.size)
    if standing.alarm_at is not None:
        raise RecoveryNeeded(standing.size, None)


@dataclass(slots=True, kw_only=True)
class Notary:
    """Numbers what was handed in. Any number may run: one at a time is elected, all remember what they have seen."""

    transaction: Transactions
    home: Path
    _head: Head | None = None
    _kept: Head | None = None  # what certainly lies in the file
    _log: UUID | None = None

    async def once(self) -> int:
        """Number what there is; raise `RecoveryNeeded`, and tell all other roles, if the log has become shorter."""
        await asyncio.sleep(INTERVAL_S)
        async with self.transaction() as tx:
            standing = await recovery.standing(tx)
            if self._log != standing.log:
                self._log, self._head = standing.log, Head.read(self.home, standing.log)
                self._kept = self._head
                standing = await recovery.standing(tx)
            behind = self._head is not None and standing.size < self._head.size
            if behind:
                await recovery.alarm(tx)
            numbered = 0 if behind else await audit_log.number(tx)
        if behind:
            log.error("notary.log_went_back", size=standing.size)
        compare(standing, self._head)
        self._remember(standing, standing.size + numbered)
        return numbered

    def _remember(self, standing: Standing, size: int) -> None:
        """After the commit: a file that is ahead of the database would be a false alarm for ever."""
        if self._head is None or size > self._head.size or standing.generation > self._head.generation:
            self._head = Head(size=size, generation=standing.generation)
        if self._head != self._kept and self._head.write(self.home, standing.log):
            self._kept = self._head
