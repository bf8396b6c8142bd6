"""The tour of the README, run word by word on a system of its own."""

import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from tests.unit.papers.places import README, ROOT, block

READY_WITHIN_S = 150.0
TOURED_WITHIN_S = 90.0
BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of a system that runs, started as the README says."""
    root = tmp_path / "home"
    said = tmp_path / "up.txt"
    environment = os.environ | {"DSAR_HOME": str(root)}
    with said.open("wb") as out:
        running = subprocess.Popen(
            [Path(sys.executable).with_name("dsar"), "up"], stdout=out, stderr=out, env=environment, cwd=ROOT
        )
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while "admin token" not in said.read_text():
            assert running.poll() is None, said.read_text()
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.2)
        yield root
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 0


@pytest.mark.timeout(300)
@pytest.mark.skipif(which("curl") is None, reason="no curl on this machine")
def test_the_tour_ends_with_a_report_and_a_fulfilled_request(home: Path, tmp_path: Path) -> None:
    commands = BASH.findall(block("tour", README))
    assert len(commands) == 1
    toured = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands[0]],
        cwd=tmp_path,
        env=os.environ | {"DSAR_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=TOURED_WITHIN_S,
        check=False,
    )
    assert toured.returncode == 0, toured.stderr
    assert toured.stderr == ""
    assert toured.stdout.splitlines()[-1] == "fulfilled"
    with zipfile.ZipFile(tmp_path / "report.zip") as report:
        assert report.testzip() is None
        assert {"index.html", "manifest.json"} <= set(report.namelist())
