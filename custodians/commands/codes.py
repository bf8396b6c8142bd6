"""With what a command ends."""

import sys
import time
from datetime import UTC, date, datetime
from typing import Final

OK: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
NOT_FOUND: Final = 4
CONFLICT: Final = 5


def complain(text: str, code: int) -> int:
    """Say what is wrong, on the error channel."""
    sys.stderr.write(f"{text}\n")
    return code


def today() -> date:
    """Return the day by which retention is judged."""
    return datetime.fromtimestamp(time.time(), UTC).date()
