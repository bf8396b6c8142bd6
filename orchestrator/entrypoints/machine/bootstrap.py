"""The first of each: what must be there before the API can be asked for more."""

import secrets
from collections.abc import Sequence
from uuid import uuid4

from contracts.ids import EventId
from contracts.signed_manifest import SignedManifest
from orchestrator.domain.staff import Role
from orchestrator.flow import registry, staff
from orchestrator.store.session import Transactions

BOOTSTRAP = "bootstrap"
"""Who the log names: nobody could log in before."""


async def new_admin(transaction: Transactions) -> str:
    """Add an admin without asking the API, and return the token: it is kept nowhere else.

    For the first one, and for when nobody can log in any more. Whoever can do it holds the database's login of the
    API; the log names it.
    """
    token = staff.token_of(secrets.token_bytes(32))
    async with transaction() as tx:
        name = f"st_{secrets.token_hex(6)}"
        await staff.add(tx, new_entry(), staff=name, name="Admin of the machine", roles=[Role.ADMIN], by=BOOTSTRAP)
        await staff.issue(tx, new_entry(), staff=name, token=token, by=BOOTSTRAP)
    return token


async def admit(transaction: Transactions, manifests: Sequence[SignedManifest]) -> None:
    """Admit the custodians of this machine's own samples."""
    async with transaction() as tx:
        for each in manifests:
            await registry.admit(tx, each, by=BOOTSTRAP, entry_id=new_entry())


def new_entry() -> EventId:
    """An id for a log entry that is about no request."""
    return EventId(uuid4())
