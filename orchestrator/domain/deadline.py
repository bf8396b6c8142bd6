"""When an answer is due: a pure function of the day of receipt and a versioned regime, with its derivation in words."""

import calendar
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import InvalidInput

SATURDAY = 5


class Regime(BaseModel):
    """A law's clock, as data. `version` is recorded with every date derived from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    regime: str
    version: str
    zone: str
    respond_months: int
    extend_months: int
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A due date (the last day on which an answer is in time) and how it came about."""

    due: date
    trace: tuple[str, ...] = field(default=())


@cache
def regime(name: str) -> Regime:
    """The regime pack called *name*; raise `InvalidInput` with the names there are."""
    packs = resources.files("orchestrator.domain").joinpath("regimes")
    known = sorted(each.name.removesuffix(".yaml") for each in packs.iterdir() if each.name.endswith(".yaml"))
    if name not in known:
        raise InvalidInput(f"unknown regime; known: {', '.join(known)}")
    return Regime.model_validate(yaml.safe_load(packs.joinpath(f"{name}.yaml").read_text(encoding="utf-8")))


def deadline(law: Regime, received_on: date, *, extended: bool = False) -> Deadline:
    """The end of the period that began on *received_on*.

    An extension is added to the months once, from the start: 31 January and three months is 30 April, while one
    month and then two would give 28 April.
    """
    months = law.respond_months + (law.extend_months if extended else 0)
    end = add_months(received_on, months)
    trace = [f"received {received_on}", f"+ {months} month(s) = {end:%a %Y-%m-%d}"]
    due = next_working_day(end, law.holidays)
    if due != end:
        trace.append(f"not a working day: moved to {due:%a %Y-%m-%d}")
    return Deadline(due=due, trace=tuple(trace))


def add_months(start: date, months: int) -> date:
    """The same date, *months* later; the last day of that month where it has no such date."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def next_working_day(day: date, holidays: AbstractSet[date]) -> date:
    """*day* itself, or the next that is neither a Saturday, a Sunday nor one of *holidays*."""
    while day.weekday() >= SATURDAY or day in holidays:
        day += timedelta(days=1)
    return day


def zone(law: Regime) -> ZoneInfo:
    """Whose midnight ends a day."""
    return ZoneInfo(law.zone)
