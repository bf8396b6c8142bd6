"""A stranger's tour: the commands of the README, word by word, in the home that they get by default."""

import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

from tests.e2e.program import READY_WITHIN_S, STOPPED_WITHIN_S, TIED, running_in
from tests.tour.guide import README, differences, steps

TOURED_WITHIN_S = 180.0
BEGIN = "set -euo pipefail\nexec 2>&1\n"
PAUSE = "\x1e"

pytestmark = [
    pytest.mark.xdist_group("e2e"),
    pytest.mark.timeout(400),
    pytest.mark.skipif(which("curl") is None, reason="no curl on this machine"),
]


def _environment(home: Path) -> dict[str, str]:
    """A stranger's: nothing of ours is set."""
    ours = ("DSAR_", "XDG_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {"HOME": str(home)}


@contextmanager
def _first_terminal(commands: str, user: Path) -> Iterator[Path]:
    """What is left running; gives what it says, once it has said all of it."""
    said = user / "said.txt"
    with said.open("wb") as out:
        running = subprocess.Popen(
            [*TIED, "bash", "-c", f"exec env {commands}"],
            cwd=README.parent,
            env=_environment(user),
            stdout=out,
            stderr=out,
        )
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while "\nnext " not in said.read_text():
            assert running.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.2)
        yield said
    finally:
        running.send_signal(signal.SIGINT)
        ended = running.wait(timeout=STOPPED_WITHIN_S)
    assert ended == 0
    assert running_in(user) == []


def test_the_tour_of_the_readme_shows_what_it_says(tmp_path: Path) -> None:
    up, *rest = steps(README.read_text(encoding="utf-8"))
    with _first_terminal(up.commands, tmp_path) as said:
        assert list(differences(up.shown, said.read_text().splitlines())) == []
        toured = subprocess.run(
            ["bash", "-c", BEGIN + f"printf '{PAUSE}'\n".join(step.commands for step in rest)],
            cwd=README.parent,
            env=_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=TOURED_WITHIN_S,
            check=False,
        )
    told = toured.stdout.split(PAUSE)
    assert (toured.returncode, len(told)) == (0, len(rest)), told[-1]
    found = [list(differences(step.shown, each.splitlines())) for step, each in zip(rest, told, strict=True)]
    assert found == [[]] * len(rest)
    with zipfile.ZipFile(tmp_path / ".dsar" / "report.zip") as report:
        assert report.testzip() is None
        assert {"index.html", "manifest.json"} <= set(report.namelist())
