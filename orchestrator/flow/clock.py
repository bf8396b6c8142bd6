"""What happens when time passes: leases, back-offs, lost sendings, grace, lapses, the days of the watch."""

from typing import Final

from orchestrator.domain.case import Policy
from orchestrator.domain.ticking import tick
from orchestrator.store import cases, due, registry, stops
from orchestrator.store.session import Transaction

MOST: Final = 200
"""Requests in one turn: more would only hold their locks for longer."""


async def pass_time(tx: Transaction, *, policy: Policy, limit: int = MOST) -> int:
    """Do what is due, for up to *limit* requests, in the caller's transaction. Returns how many were looked at.

    Safe to repeat and to run in several processes: who comes second finds the requests changed.
    """
    ids = await due.due(tx, limit=limit)
    if not ids:
        return 0
    held = await cases.lock(tx, ids)
    heard = await registry.last_heard(tx)
    stopped = await stops.standing(tx)
    steps = [tick(case, heard=heard, stops=stopped, at=tx.now, policy=policy) for case in held.values()]
    await cases.write(tx, [step for step in steps if step is not None])
    await due.snooze(tx, list(held))
    return len(ids)
