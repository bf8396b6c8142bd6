"""Staff and their tokens. Only the SHA-256 of a token is ever here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text

from orchestrator.domain.staff import Role, Staff
from orchestrator.store.session import Transaction

FIND: Final = text("""
    select t.hash, s.id, s.roles from api_token t join staff s on s.id = t.staff
    where t.hash = any(cast(:hashes as bytea[])) and t.revoked_at is null and t.expires_at > :now
      and s.disabled_at is null
""")
READ: Final = text("select id, roles from staff where id = :id and disabled_at is null for no key update")
ADD: Final = text("""
    with named as (insert into staff_name (staff, name) values (:id, :name))
    insert into staff (id, roles, added_at) values (:id, :roles, :now)
""")
ISSUE: Final = text(
    "insert into api_token (hash, staff, made_at, expires_at) values (:hash, :staff, :now, :expires_at)"
)
REVOKE: Final = text("update api_token set revoked_at = :now where staff = :staff and revoked_at is null")
DISABLE: Final = text("update staff set disabled_at = :now where id = :staff and disabled_at is null")
LIST: Final = text("""
    select s.id, n.name, s.roles, s.added_at, s.disabled_at,
           (select count(*) from api_token t
            where t.staff = s.id and t.revoked_at is null and t.expires_at > :now) as tokens
    from staff s left join staff_name n on n.staff = s.id order by s.added_at, s.id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A row of the list of staff."""

    id: str
    name: str | None
    roles: tuple[str, ...]
    added_at: datetime
    disabled_at: datetime | None
    tokens: int


async def find(tx: Transaction, hashes: Sequence[bytes]) -> list[Staff | None]:
    """Whose token each is; None for one that is unknown, revoked or expired, or of somebody who is disabled."""
    rows = (await tx.connection.execute(FIND, {"hashes": list(hashes), "now": tx.now})).all()
    found = {bytes(row.hash): _staff(row) for row in rows}
    return [found.get(each) for each in hashes]


async def lock(tx: Transaction, staff: str) -> Staff | None:
    """The member of staff, if there is one who is not disabled."""
    row = (await tx.connection.execute(READ, {"id": staff})).first()
    return None if row is None else _staff(row)


async def add(tx: Transaction, staff: Staff, *, name: str) -> None:
    """Write down a new member of staff, and the name beside, where it can be pruned."""
    roles = sorted(staff.roles)
    await tx.connection.execute(ADD, {"id": staff.id, "name": name, "roles": roles, "now": tx.now})


async def issue(tx: Transaction, staff: str, *, token_hash: bytes, expires_at: datetime) -> None:
    """Write down a token."""
    values = {"hash": token_hash, "staff": staff, "now": tx.now, "expires_at": expires_at}
    await tx.connection.execute(ISSUE, values)


async def disable(tx: Transaction, staff: str) -> None:
    """Disable somebody, and all their tokens, at once."""
    values = {"staff": staff, "now": tx.now}
    await tx.connection.execute(REVOKE, values)
    await tx.connection.execute(DISABLE, values)


async def listed(tx: Transaction) -> Sequence[Listed]:
    """Everybody there ever was."""
    rows = (await tx.connection.execute(LIST, {"now": tx.now})).all()
    return [Listed(**{**row._mapping, "roles": tuple(row.roles)}) for row in rows]  # noqa: SLF001 - SQLAlchemy's own public name


def _staff(row: Row[Any]) -> Staff:
    known = set(Role)
    return Staff(id=row.id, roles=frozenset(Role(each) for each in row.roles if each in known))
