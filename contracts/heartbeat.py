"""The heartbeat: a worker says every 30 s that it lives and what it is doing."""

from pydantic import NonNegativeInt

from contracts.ids import CustodianId, TaskId, WorkerId
from contracts.wire import CONTRACT_VERSION, Version, Wire

HEARTBEAT_SECONDS = 30


class Progress(Wire):
    """How far a running task is; *of* is absent while the worker is still finding out."""

    task_id: TaskId
    done: NonNegativeInt
    of: NonNegativeInt | None = None


class Heartbeat(Wire):
    """Renews the leases of the tasks named, and lets the orchestrator send again what a worker may have missed."""

    v: Version = CONTRACT_VERSION
    environment: str
    custodian: CustodianId
    worker: WorkerId
    at: int
    manifest_hash: str
    contracts: tuple[int, int]
    sdk: str
    kids: tuple[str, ...]
    running: tuple[Progress, ...] = ()
    oldest_open: int | None = None
    lag_seconds: NonNegativeInt = 0
    accepting: bool = True
    draining: bool = False
