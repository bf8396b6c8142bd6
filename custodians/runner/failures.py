"""What goes wrong while a task runs, and how it is said: by the name of a class, never by a text."""

import re
import traceback
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from contracts.results import Deferred, Failed, Rejected, Rejection, TaskOutcome
from custodians.sdk import GiveUp, TryLater

LONGEST_WAIT: Final = timedelta(days=366)

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,99}")


class BadPlugin(GiveUp):
    """The custodian gave something that the SDK does not promise, or tried to end more than its own work."""


class UnsayableAnswer(GiveUp):
    """What happened does not fit into an answer, or the keys to seal it to are none."""


class UndeclaredClass(GiveUp):
    """The custodian gave a data class that its manifest does not declare."""


class UndeclaredKind(GiveUp):
    """The custodian found a kind of identifier that its manifest does not provide."""


class TooManyFound(GiveUp):
    """More identifiers were found than one answer holds: a person must look."""


class TimedOut(TryLater):
    """The time limit of the manifest is over."""


class UploadRefused(Exception):
    """The grant is spent, over or not believed: a new issue brings a new one."""


class NoSuchCustodian(ValueError):
    """The settings name a file, module or class that is not there. The message says which."""


class HomeInUse(RuntimeError):
    """Another worker has the home folder: its ledger is for one. The message names the folder."""


def outcome_of(error: Exception, today: date, *, begun: bool = False) -> TaskOutcome:
    """Say of a task what *error* means for it.

    What has *begun* to erase is always to be tried again: it has its work list, and nobody else can tell what is gone.
    """
    match error:
        case UploadRefused():
            return Rejected(reason=Rejection.UPLOAD)
        case TryLater(after=timedelta() as after) if after.days >= 1:
            return Deferred(until=today + min(after, LONGEST_WAIT))
        case TryLater():
            return Failed(retryable=True, error=name_of(error))
        case _:
            return Failed(retryable=begun, error=name_of(error))


def name_of(error: Exception) -> str:
    """Return the class's name, cut to what an answer may carry."""
    found = _NAME.match(type(error).__name__)
    return found.group() if found else "Unnamed"


def place_of(error: Exception) -> str:
    """Return file and line where *error* was raised: no text and no value of it, since both may hold data."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown"
