"""What a custodian may raise, by what shall happen next. Only the class's name leaves the worker, never the message."""

from datetime import timedelta
from typing import Final

_NOW: Final = timedelta()


class CustodianError(Exception):
    """The root of both. Derive your own from one of them: its name is what the people on call will read."""


class TryLater(CustodianError):
    """It cannot be done now, and can be soon: a store is down, a lock is held.

    The orchestrator asks again, ever more slowly. A wait of a day or more, given as *after*, is told to it as the date
    on which to ask again.
    """

    def __init__(self, message: str = "", *, after: timedelta = _NOW) -> None:
        super().__init__(message)
        self.after = after


class GiveUp(CustodianError):
    """It cannot be done until a person has looked."""
