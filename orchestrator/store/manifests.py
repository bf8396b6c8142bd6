"""Manifests by their hash: immutable, so read once per process."""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import text

from contracts.manifest import Manifest
from orchestrator.store.session import Transaction

READ: Final = text("select hash, body from manifest where hash = any(cast(:hashes as text[]))")

_read_before: dict[str, Manifest] = {}


async def manifests(tx: Transaction, hashes: Collection[str]) -> Mapping[str, Manifest]:
    """The manifests with these hashes. One statement, and none once they have been read."""
    missing = sorted(set(hashes) - _read_before.keys())
    if missing:
        for row in (await tx.connection.execute(READ, {"hashes": missing})).all():
            _read_before[row.hash] = Manifest.model_validate_json(row.body)
    return {each: _read_before[each] for each in hashes}
