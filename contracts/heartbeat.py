"""The heartbeat: a worker says every 30 s that it lives and what it is doing."""

from typing import Annotated

from pydantic import Field

from contracts.ids import CustodianId, TaskId, WorkerId
from contracts.wire import CONTRACT_VERSION, KID, NAME, WORD, Count, Seconds, Version, Wire

HEARTBEAT_SECONDS = 30


class Progress(Wire):
    """How far a running task is; *of* is absent while the worker is still finding out."""

    task_id: TaskId
    done: Count
    of: Count | None = None


class Heartbeat(Wire):
    """Renews the leases of the tasks named, and lets the orchestrator send again what a worker may have missed."""

    v: Version = CONTRACT_VERSION
    environment: str = Field(pattern=WORD)
    custodian: CustodianId = Field(pattern=NAME)
    worker: WorkerId = Field(pattern=WORD)
    at: Seconds
    manifest_hash: str = Field(pattern=WORD)
    contracts: tuple[Count, Count]
    sdk: str = Field(pattern=WORD)
    kids: tuple[Annotated[str, Field(pattern=KID)], ...]
    running: tuple[Progress, ...] = ()
    oldest_open: Seconds | None = None
    lag_seconds: Count = 0
    accepting: bool = True
    draining: bool = False
