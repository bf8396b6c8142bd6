"""Every planted bug by its name."""

from collections.abc import Mapping
from typing import Final

from tests.crash.mutants import bus, decisions, rows, worker
from tests.crash.mutants.planting import Bug

_ALL: Final[tuple[type[Bug], ...]] = (
    worker.AckBeforeEffect,
    worker.NoLedger,
    worker.LedgerRemembersFailures,
    rows.NoInbox,
    rows.TailingTheOutbox,
    rows.NoRequestLock,
    bus.OffsetAutoCommit,
    decisions.NoLease,
    decisions.SwallowedConnectionError,
    rows.NumbersFromMemory,
    decisions.ApprovalNotBoundToPlan,
    decisions.HostClock,
    bus.DeadLetterDropped,
    decisions.AnswerAcceptedAfterClose,
    decisions.TimerReissue,
)

MUTANTS: Final[Mapping[str, type[Bug]]] = {each.name: each for each in _ALL}
