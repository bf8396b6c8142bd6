"""The program of a worker's own process: `python -m custodians.commands.worker`. `dsar-custodian run` does the same."""

import os
import sys
from pathlib import Path

from custodians.commands.ending import code_of


def main() -> None:
    """Work until SIGTERM; without the command line's library, which would be held for as long."""
    given = os.environ.get("DSAR_CUSTODIAN_CONFIG")
    sys.exit(code_of("run", lambda do: do.work(Path(given) if given else None)))


if __name__ == "__main__":
    main()
