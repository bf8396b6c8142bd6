"""Every planted bug by its name, and what is planted beside one to show it."""

from collections.abc import Mapping
from typing import Final

from tests.crash.mutants import bus, decisions, rows, worker
from tests.crash.mutants.planting import Bug

_BUGS: Final[tuple[type[Bug], ...]] = (
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

_BESIDE: Final[tuple[type[Bug], ...]] = (
    rows.NoVersionCheck,
    rows.SlowCommits,
    rows.SlowNotary,
    decisions.ShortLeases,
)

BUGS: Final[Mapping[str, type[Bug]]] = {each.name: each for each in _BUGS}
"""Each of these must be caught."""

MUTANTS: Final[Mapping[str, type[Bug]]] = {**BUGS, **{each.name: each for each in _BESIDE}}
"""All that can be planted."""
