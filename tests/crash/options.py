"""What a crash run is told, and how its kinds of fault are named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final


class Kind(StrEnum):
    """A kind of fault."""

    KILL_ROLE = "kill-role"
    KILL_CUSTODIAN = "kill-custodian"
    KILL_ALL = "kill-all"  # every role and every custodian between two instructions
    FREEZE_ROLE = "freeze-role"  # SIGSTOP, later SIGCONT
    FREEZE_CUSTODIAN = "freeze-custodian"
    TERM_ROLE = "term-role"
    TERM_CUSTODIAN = "term-custodian"
    BROKER_KILL = "broker-kill"
    BROKER_DOWN = "broker-down"
    DATABASE_KILL = "database-kill"  # with all its children
    DATABASE_STOP = "database-stop"  # immediate, and away for a while
    BACKENDS_ENDED = "backends-ended"
    DATABASE_SLOW = "database-slow"
    DATABASE_SILENT = "database-silent"  # connections that never say anything again
    DATABASE_RESET = "database-reset"
    COMMIT_UNANSWERED = "commit-unanswered"  # the commit happened, and nobody was told
    BUS_SLOW = "bus-slow"
    BUS_SILENT = "bus-silent"
    BUS_RESET = "bus-reset"
    PRODUCE_UNANSWERED = "produce-unanswered"
    OFFSETS_REWOUND = "offsets-rewound"  # a group reads its topics from 0 again
    TOPIC_REPLAYED = "topic-replayed"  # every record again, byte for byte
    TOPIC_SHUFFLED = "topic-shuffled"  # copies of some, out of order
    RECORDS_SPOILED = "records-spoiled"  # some that nobody can read or believe
    DISK_FULL = "disk-full"
    IDENTIFIER_SLIPPED_IN = "identifier-slipped-in"  # another person's, after the signatures


EVERY_KIND: Final = tuple(kind for kind in Kind if kind is not Kind.IDENTIFIER_SLIPPED_IN)
CUSTODIAN: Final = "custodian"
"""Whose mutants all custodians get."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """A run. The same seed, faults, kinds and custodians give the same schedule.

    *mutants* and *failpoints* name, by process (`engine`, `dispatcher_access` …, or `custodian` for all of them), what
    the launcher plants there: bugs in every life of the process, failpoints in its first only.
    """

    seed: int = 1
    requests: int = 500
    custodians: int = 8
    faults: int = 225
    minutes: float | None = None  # how long faults are injected; none: as long as so many take
    kinds: tuple[Kind, ...] = EVERY_KIND
    mutants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failpoints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    folder: Path | None = None  # where the run's folder is made; none: the machine's place for such things
    keep: bool = False  # the run's folder, whatever comes out

    @property
    def window_s(self) -> float:
        """For how long faults are injected."""
        return self.faults * PACE_S if self.minutes is None else self.minutes * 60


PACE_S: Final = 2.8
"""A fault so often, on the average."""
