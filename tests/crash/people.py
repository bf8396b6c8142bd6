"""Made-up people, a request for each, and what every custodian holds of them: all of it follows from a number."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.crash.dice import Dice

MANY_ROWS: Final = 2_300
"""More than two pages of a work list: an erasure of so many can be met in the middle."""

REGISTRAR: Final = 0
"""The custodian who can tell the customer id from the address."""


class Course(StrEnum):
    """What a person's request is meant to come to; whether it does is seen from the log."""

    ACCESS = "access"
    ACCESS_WITHDRAWN = "access-withdrawn"
    ERASURE = "erasure"
    ERASURE_RETURNS = "erasure-returns"  # erased, certified, and a customer again: an old command must not touch them
    ERASURE_CANCELLED = "erasure-cancelled"  # before anybody approves
    ERASURE_CANCEL_RACES = "erasure-cancel-races"  # with the end of grace
    ERASURE_WITHDRAWN = "erasure-withdrawn"  # while erasing, if it can be met there
    ERASURE_UNVERIFIED = "erasure-unverified"

    @property
    def kind(self) -> str:
        """What is asked for."""
        return "access" if self in (Course.ACCESS, Course.ACCESS_WITHDRAWN) else "erasure"


DECK: Final = (
    *[Course.ACCESS] * 7,
    Course.ACCESS_WITHDRAWN,
    *[Course.ERASURE] * 4,
    *[Course.ERASURE_RETURNS] * 4,
    Course.ERASURE_CANCELLED,
    Course.ERASURE_CANCEL_RACES,
    Course.ERASURE_WITHDRAWN,
    Course.ERASURE_UNVERIFIED,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who asks once."""

    number: int
    course: Course

    @property
    def email(self) -> str:
        return f"person-{self.number}@people.example"

    @property
    def customer(self) -> str:
        return f"C-{self.number}"

    def rows(self, keeper: int) -> list[str]:
        """The keys of what custodian number *keeper* holds of this person: some hold nothing, one very much."""
        return [f"{keeper}-{self.number}-{n}" for n in range(self._count(keeper))]

    def _count(self, keeper: int) -> int:
        if self.number % 20 == 13:
            return 0  # nobody knows them
        if self.number % 20 == 7 and keeper == 3:
            return MANY_ROWS
        if keeper != REGISTRAR and (self.number * 7 + keeper) % 6 == 0:
            return 0
        return 1 + (self.number + keeper) % 3


def people(seed: int, count: int) -> list[Person]:
    """So many people, their courses drawn from a deck: every course comes once in twenty."""
    dice = Dice(seed, "people")
    courses: list[Course] = []
    while len(courses) < count:
        courses += dice.shuffled(DECK)
    return [Person(number, course) for number, course in enumerate(courses[:count])]
