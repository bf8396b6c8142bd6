"""Gathering what the judge will see: the journal, the custodians' own fact logs, and the log as it is exported."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tests.crash.case import Deleted, Evidence, Held
from tests.crash.office import Office
from tests.crash.options import Kind
from tests.crash.people import Person
from tests.crash.schedule import named
from tests.crash.world import World

PROGRESS: Final = ("answer.", "command.", "search.", "erase.", "probe.", "report.built")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A fault as it really was: from its beginning until it was healed."""

    kind: Kind
    target: str
    began: float
    healed: float


def still_open(office: Office) -> dict[str, str]:
    """The requests that have not ended by now, and what each waits for."""
    return {each.request: f"{each.state}: {each.said}" for each in office.waiting}


def gathered(
    world: World,
    office: Office,
    everybody: Sequence[Person],
    exports: Sequence[Sequence[bytes]],
    open_at_end: Mapping[str, str],
) -> Evidence:
    """Read everything; all has ended, but what is *open_at_end*."""
    deleted: list[Deleted] = []
    held: list[Held] = []
    for number in range(world.options.custodians):
        shelf = world.shelf(number)
        for _, at, what, customer, record, life, _ in shelf.facts():
            if what == "deleted":
                deleted.append(
                    Deleted(
                        at=at, custodian=named(number), customer=str(customer), record=str(record), life=int(life or 0)
                    )
                )
        held += [
            Held(custodian=named(number), customer=customer, record=record, life=life)
            for record, customer, life in shelf.records()
        ]
        shelf.close()
    return Evidence(
        journal=office.journal.lines,
        deleted=deleted,
        held=held,
        began_with=_began_with(everybody, world.options.custodians),
        exports=exports,
        open_at_end=open_at_end,
    )


def _began_with(everybody: Sequence[Person], custodians: int) -> Mapping[str, Mapping[str, Sequence[str]]]:
    return {each.customer: {named(keeper): each.rows(keeper) for keeper in range(custodians)} for each in everybody}


def outcomes(office: Office) -> dict[str, int]:
    """How many requests ended how."""
    return dict(Counter(each.outcome or f"open: {each.state}" for each in office.files.values()))


def recoveries(export: Sequence[bytes], spans: Sequence[Span]) -> list[tuple[Kind, float]]:
    """Seconds from each heal to the next entry that only working parts can have made.

    A heal in the middle of another fault is none, and neither is one after which there was nothing left to do.
    """
    made = sorted(
        datetime.fromisoformat(entry["at"]).timestamp()
        for entry in map(json.loads, filter(None, export))
        if entry["type"].startswith(PROGRESS)
    )
    found = []
    for span in spans:
        following = bisect_right(made, span.healed)
        if following < len(made) and not any(each.began < span.healed < each.healed for each in spans):
            found.append((span.kind, made[following] - span.healed))
    return found
