"""Making things from settings: keys from their files, databases from their addresses. Each role gets its own."""

import tomllib
from base64 import b64decode
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.bus.connection import Connection
from contracts.command import Lane
from contracts.keys import SigningKey, kid_of
from orchestrator.domain.approval import Approver, TrustList
from orchestrator.domain.case import Policy
from orchestrator.settings import BadSettings, Role, Settings
from orchestrator.store.recovery import Standing
from orchestrator.store.session import Transactions, connect, transactions
from orchestrator.vault.kms import FileKms


@dataclass(frozen=True, slots=True)
class Database:
    """One role's connections."""

    url: str
    engine: AsyncEngine
    transactions: Transactions


@dataclass(frozen=True)
class Wiring:
    """What the settings name, made when it is first asked for: a role that never asks never holds it."""

    settings: Settings
    standing: Standing | None = None  # of the database; known once it was found sound

    @cached_property
    def policy(self) -> Policy:
        """What the operator has decided."""
        given, standing = self.settings, self.standing
        return Policy(
            environment=given.environment,
            generation=standing.generation if standing else 0,
            recovered_at=standing.recovered_at if standing else None,
            grace=given.grace,
            watch=given.watch_days,
        )

    @cached_property
    def link_kms(self) -> FileKms:
        """Unwraps link keys."""
        return FileKms(self.settings.link_kek())

    @cached_property
    def reply_kms(self) -> FileKms:
        """Unwraps reply keys."""
        return FileKms(self.settings.reply_kek())

    @cached_property
    def blind_key(self) -> bytes:
        """Blinds identifiers."""
        return self.settings.blind_key().read_bytes()

    def command_key(self, lane: Lane) -> SigningKey:
        """Signs the commands of *lane*; no process asks for both."""
        return SigningKey.load(self.settings.command_key(lane))

    def trust(self) -> TrustList:
        """Whose signatures count, by the file as it is now: a name struck off counts no more. No file: nobody's."""
        file = self.settings.approvers()
        try:
            seen = file.stat()
        except FileNotFoundError:
            return {}
        return _trusted(file, (seen.st_ino, seen.st_mtime_ns, seen.st_size))

    def connection(self, role: Role, *, name: str = "") -> Connection:
        """The broker, as *role* sees it."""
        client = f"dsar-{name or role}"
        return Connection(bootstrap=self.settings.bootstrap(), client_id=client, prefix=self.settings.topic_prefix)

    @property
    def engine_group(self) -> str:
        """The group in which engines read answers: on a shared broker each environment has its own."""
        return f"{self.settings.topic_prefix}dsar-engine"

    def database(self, role: Role, *, pool_size: int = 5) -> Database:
        """The database, logged in as *role*. Who asks disposes of the engine."""
        url = self.settings.database_url_of(role)
        engine = connect(url, pool_size=pool_size)
        return Database(url=url, engine=engine, transactions=transactions(engine))


@lru_cache(maxsize=1)
def _trusted(file: Path, _version: tuple[int, ...]) -> TrustList:
    """The list in *file*, read again when it is another version of it."""
    try:
        rows = tomllib.loads(file.read_text(encoding="utf-8")).get("approver", [])
        found = [_approver(row["staff"], b64decode(row["public"], validate=True)) for row in rows]
    except (tomllib.TOMLDecodeError, KeyError, ValueError, TypeError):
        raise BadSettings("the file of approvers cannot be read; each needs staff and public") from None
    return {each.kid: each for each in found}


def _approver(staff: str, public: bytes) -> Approver:
    return Approver(staff=staff, kid=kid_of(public), public=public)
