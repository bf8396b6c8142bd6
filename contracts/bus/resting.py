"""Resting: how long a turn is followed by nothing, so that what comes meanwhile shares the next one."""

from typing import Final

LONGEST_REST_S: Final = 0.1


def rest_s(took_s: float, *, found: int, most: int) -> float:
    """Return the rest after a turn that *found* so much of the *most* that it takes, and took so long.

    A turn costs much the same for one as for many. What came alone is followed at once: whatever belongs to it must not
    wait. The more came together, the more will, and the longer is the rest. A full turn is followed by the next.
    """
    return 0.0 if found >= most else min(LONGEST_REST_S, took_s * max(0, found - 1) / 2)
