"""Setting a home up, in a process of its own: how it ends when it cannot, and what its parent makes of that."""

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.embedded.process import environment
from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.cli.mishaps import in_words
from orchestrator.entrypoints.machine.errors import NotSetUp
from orchestrator.entrypoints.machine.system import SETUP


def test_a_database_that_is_away_is_told_as_such_and_without_its_address(tmp_path: Path) -> None:
    told = {
        "DSAR_HOME": str(tmp_path),
        "DSAR_DATABASE_URL": "postgresql://owner:canary@127.0.0.1:1/dsar",
        "DSAR_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    }
    ended = subprocess.run(
        [sys.executable, "-m", SETUP], env=environment(told), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (Code.UNREACHABLE, "not reachable: ConnectionRefusedError\n")


@pytest.mark.parametrize(("ended", "code"), [(1, Code.REFUSED), (3, Code.UNREACHABLE), (-9, Code.REFUSED)])
def test_a_command_whose_home_was_not_set_up_ends_as_that_did(ended: int, code: Code) -> None:
    with pytest.raises(Failed, match="said by it") as failed, in_words():
        raise NotSetUp(ended, "said by it")
    assert failed.value.code is code
