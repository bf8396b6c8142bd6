"""Counting what was found, and saying it: the results of each operation, and whether an erasure has drifted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, assert_never

from contracts.answer import ClassAnswer
from contracts.ids import DataClass
from contracts.results import (
    Absent,
    ClassResult,
    Erased,
    Found,
    Ground,
    NotFound,
    Residual,
    Retained,
    Unsupported,
)
from contracts.wire import Count, Wire
from custodians.runner.failures import BadPlugin
from custodians.sdk import ClassHeld, Erase, Fate, Retain

DRIFT_FACTOR: Final = 2
DRIFT_SLACK: Final = 50
"""An erasure may meet this many times what was previewed, and this many records more: stores are live."""

MOST_RESULTS: Final = 3
"""What an answer can say of one class."""


class Kept(Wire):
    """Records that stay, under one ground, until the last of their dates."""

    ground: Ground
    until: date
    count: Count


class Counted(Wire):
    """What there is of one class."""

    erasable: Count = 0
    kept: tuple[Kept, ...] = ()

    @property
    def total(self) -> int:
        return self.erasable + sum(each.count for each in self.kept)


Tally = Mapping[DataClass, Counted]


@dataclass(slots=True)
class Counter:
    """Counts holdings one by one, in memory that does not grow with them."""

    erasable: dict[DataClass, int] = field(default_factory=lambda: defaultdict(int))
    kept: dict[DataClass, dict[Ground, Kept]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, data_class: DataClass, fate: Fate) -> None:
        match fate:
            case Erase():
                self.erasable[data_class] += 1
            case Retain(ground=ground, until=until):
                before = self.kept[data_class].get(ground, Kept(ground=ground, until=until, count=0))
                latest = max(before.until, until)
                self.kept[data_class][ground] = Kept(ground=ground, until=latest, count=before.count + 1)
            case _:
                assert_never(fate)

    def tally(self) -> Tally:
        return {
            data_class: Counted(
                erasable=self.erasable.get(data_class, 0), kept=tuple(self.kept.get(data_class, {}).values())
            )
            for data_class in {*self.erasable, *self.kept}
        }


def has_drifted(tally: Tally, preview: Mapping[DataClass, int]) -> bool:
    """Whether what would be erased is no longer what people saw when they approved."""
    return any(
        counted.erasable > 0
        and (data_class not in preview or counted.erasable > DRIFT_FACTOR * preview[data_class] + DRIFT_SLACK)
        for data_class, counted in tally.items()
    )


def collected(classes: Sequence[DataClass], tally: Tally) -> tuple[ClassAnswer, ...]:
    return _each(classes, {name: _found(counted.total) for name, counted in tally.items()})


def previewed(classes: Sequence[DataClass], tally: Tally) -> tuple[ClassAnswer, ...]:
    return _each(classes, {name: (*_found(counted.erasable), *_retained(counted)) for name, counted in tally.items()})


def erased(
    classes: Sequence[DataClass], tally: Tally, held: Mapping[DataClass, ClassHeld], today: date
) -> tuple[ClassAnswer, ...]:
    """Say what went, how deep, and when the rest follows. The counts are those of the work list."""
    said = {name: (*_gone(counted.erasable, held[name], today), *_retained(counted)) for name, counted in tally.items()}
    return _each(classes, said)


def probed(classes: Sequence[DataClass], tally: Tally) -> tuple[ClassAnswer, ...]:
    left = {name: counted.erasable for name, counted in tally.items()}
    return tuple(
        ClassAnswer(data_class=name, results=(Residual(count=left[name]) if left.get(name) else Absent(),))
        for name in classes
    )


def unsupported(classes: Sequence[DataClass]) -> tuple[ClassAnswer, ...]:
    return tuple(ClassAnswer(data_class=name, results=(Unsupported(),)) for name in classes)


def _each(classes: Sequence[DataClass], said: Mapping[DataClass, tuple[ClassResult, ...]]) -> tuple[ClassAnswer, ...]:
    if any(len(results) > MOST_RESULTS for results in said.values()):
        raise BadPlugin
    return tuple(ClassAnswer(data_class=name, results=said.get(name) or (NotFound(),)) for name in classes)


def _found(count: int) -> tuple[ClassResult, ...]:
    return (Found(count=count),) if count else ()


def _retained(counted: Counted) -> tuple[ClassResult, ...]:
    return tuple(Retained(count=each.count, ground=each.ground, until=each.until) for each in counted.kept)


def _gone(count: int, held: ClassHeld, today: date) -> tuple[ClassResult, ...]:
    if not count:
        return ()
    lag = held.backups_lag_days
    return (
        Erased(
            count=count,
            level=held.level,
            physical_by=today + held.physical_lag,
            backups_by=None if lag is None else today + timedelta(days=lag),
        ),
    )
