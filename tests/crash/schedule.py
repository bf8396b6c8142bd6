"""The schedule: which fault, at what, when and for how long. A pure function of the options, so that a seed replays."""

from dataclasses import dataclass
from typing import Final

from tests.crash.dice import Dice
from tests.crash.options import Kind, Options

ROLES: Final = (
    "api",
    "engine",
    "engine-2",
    "reporter",
    "notary",
    "notary-2",
    "dispatcher_access",
    "dispatcher_erasure",
)
BROKER, DATABASE, DISK, EVERYTHING = "broker", "database", "disk", "everything"
TOPICS: Final = ("access", "erasure", "answers")
OF_ROLES: Final = frozenset({Kind.KILL_ROLE, Kind.FREEZE_ROLE, Kind.TERM_ROLE})
OF_TOPICS: Final = frozenset({Kind.TOPIC_REPLAYED, Kind.TOPIC_SHUFFLED, Kind.RECORDS_SPOILED})
FIXED: Final[dict[Kind, str]] = {
    Kind.KILL_ALL: EVERYTHING,
    Kind.DISK_FULL: DISK,
    Kind.BROKER_KILL: BROKER,
    Kind.BROKER_DOWN: BROKER,
    Kind.BUS_SLOW: BROKER,
    Kind.BUS_SILENT: BROKER,
    Kind.BUS_RESET: BROKER,
    Kind.PRODUCE_UNANSWERED: BROKER,
    Kind.DATABASE_KILL: DATABASE,
    Kind.DATABASE_STOP: DATABASE,
    Kind.BACKENDS_ENDED: DATABASE,
    Kind.DATABASE_SLOW: DATABASE,
    Kind.DATABASE_SILENT: DATABASE,
    Kind.DATABASE_RESET: DATABASE,
    Kind.COMMIT_UNANSWERED: DATABASE,
    Kind.IDENTIFIER_SLIPPED_IN: DATABASE,
}
"""What always befalls the same thing."""

LENGTHS: Final[dict[Kind, tuple[float, float]]] = {
    Kind.FREEZE_ROLE: (0.5, 8.0),
    Kind.FREEZE_CUSTODIAN: (0.5, 8.0),
    Kind.BROKER_KILL: (0.0, 1.0),
    Kind.BROKER_DOWN: (20.0, 20.0),
    Kind.DATABASE_KILL: (0.0, 1.0),
    Kind.DATABASE_STOP: (1.0, 6.0),
    Kind.DATABASE_SLOW: (1.0, 4.0),
    Kind.DATABASE_SILENT: (1.0, 4.0),
    Kind.COMMIT_UNANSWERED: (2.0, 2.0),
    Kind.BUS_SLOW: (1.0, 4.0),
    Kind.BUS_SILENT: (1.0, 6.0),
    Kind.PRODUCE_UNANSWERED: (2.0, 2.0),
    Kind.OFFSETS_REWOUND: (8.0, 8.0),
    Kind.DISK_FULL: (2.0, 4.0),
}
"""Seconds until a fault is healed; one that is not named here is over at once."""

SELDOM: Final = frozenset({
    Kind.KILL_ALL, Kind.BROKER_DOWN, Kind.OFFSETS_REWOUND, Kind.TOPIC_REPLAYED, Kind.DISK_FULL, Kind.DATABASE_STOP,
})  # fmt: skip
OFTEN: Final = 4
"""How many of each other kind come for one of these."""

SHORT_WINDOW_S: Final = 120.0
"""In a shorter run nothing is away for longer than a few seconds: it would be all that is shown."""
SHORT_S: Final = 5.0
REST_S: Final = 1.0
RESTS: Final[dict[Kind, float]] = {
    Kind.BROKER_KILL: 10.0,
    Kind.BROKER_DOWN: 10.0,
    Kind.DATABASE_KILL: 3.0,
    Kind.DATABASE_STOP: 3.0,
    Kind.DISK_FULL: 3.0,
    Kind.KILL_ALL: 10.0,
}
"""For so many seconds what was just healed is left alone: a broker needs some to start."""
TRIES: Final = 6
"""How many kinds are drawn until one is for something that is in order; after that the fault comes later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. Times are seconds since the first could come."""

    n: int
    kind: Kind
    target: str
    at: float
    length: float

    def __str__(self) -> str:
        return f"{self.n:4} {self.at:8.2f} s  {self.kind:<20} {self.target:<20} for {self.length:.2f} s"


def schedule(options: Options) -> list[Fault]:
    """Every kind once, then what comes out of the deck; what is out of order already is left alone until it is back."""
    dice = Dice(options.seed, "schedule")
    pace = options.window_s / max(1, options.faults)
    busy: dict[str, float] = {}
    found: list[Fault] = []
    deck = dice.shuffled(options.kinds)
    for n in range(options.faults):
        at = n * pace + dice.between(0, pace)
        if len(deck) < TRIES:
            deck += dice.shuffled([kind for kind in options.kinds for _ in range(1 if kind in SELDOM else OFTEN)])
        draws = [(kind, _target(kind, options, dice)) for kind in deck[:TRIES]]
        kind, target = next((each for each in draws if busy.get(each[1], 0.0) <= at), draws[0])
        deck.remove(kind)
        at, length = max(at, busy.get(target, 0.0)), _length(kind, options, dice)
        busy[target] = at + length + RESTS.get(kind, REST_S)
        found.append(Fault(n=n, kind=kind, target=target, at=at, length=length))
    return sorted(found, key=lambda fault: fault.at)


def _length(kind: Kind, options: Options, dice: Dice) -> float:
    low, high = LENGTHS.get(kind, (0.0, 0.0))
    length = dice.between(low, high)
    longest = SHORT_S if options.window_s < SHORT_WINDOW_S and kind is not Kind.OFFSETS_REWOUND else high
    return min(length, longest)


def _target(kind: Kind, options: Options, dice: Dice) -> str:
    if kind in FIXED:
        return FIXED[kind]
    if kind in OF_ROLES:
        return dice.one_of(ROLES)
    if kind in OF_TOPICS:
        return dice.one_of(TOPICS)
    keepers = [named(each) for each in range(options.custodians)]
    return dice.one_of(["engine", *keepers] if kind is Kind.OFFSETS_REWOUND else keepers)


def named(number: int) -> str:
    """The name of a custodian."""
    return f"keeper-{number}"
