"""A home has one owner at a time and keeps its ports."""

import os
from pathlib import Path

import pytest

from orchestrator.embedded.errors import EmbeddedError, HomeInUse, Unavailable
from orchestrator.embedded.home import Home, read_run
from tests.integration.embedded.children import kill
from tests.integration.embedded.conftest import Parent


def test_a_second_owner_is_told_who_the_first_one_is(home: Home) -> None:
    with pytest.raises(HomeInUse, match=f"process {os.getpid()}"), Home.opened(home.root):
        pass


async def test_a_home_is_free_again_once_its_owner_was_killed(tmp_path: Path, a_parent: Parent) -> None:
    owner, _ = await a_parent("sleepers")
    with pytest.raises(HomeInUse, match=f"process {owner.pid}"), Home.opened(tmp_path / "home"):
        pass
    kill(owner.pid)
    await owner.wait()
    with Home.opened(tmp_path / "home") as home:
        assert home.leftovers.keys() == {"first", "second"}


def test_ports_are_chosen_once(home: Home) -> None:
    chosen = [home.port("api"), home.port("postgres")]
    assert [read_run(home.root).ports[name] for name in ("api", "postgres")] == chosen
    assert [Home(home.root).port(name) for name in ("api", "postgres")] == chosen
    assert chosen[0] != chosen[1]


def test_nobody_else_can_look_into_a_home(home: Home) -> None:
    home.announce("api", "http://127.0.0.1:1")
    assert home.root.stat().st_mode & 0o077 == 0
    assert home.run_file.stat().st_mode & 0o077 == 0


def test_a_folder_that_anyone_can_write_to_is_no_home(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Unavailable, match="DSAR_HOME"), Home.opened(tmp_path):
        pass


def test_a_run_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("not json")
    with pytest.raises(EmbeddedError, match=r"run\.json"):
        read_run(tmp_path)
