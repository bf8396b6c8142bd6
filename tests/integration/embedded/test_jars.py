"""Only the listed files run: each is checked, and what is missing or wrong is named."""

import hashlib
from pathlib import Path

import pytest

from orchestrator.embedded.errors import Unavailable
from orchestrator.embedded.jars import Jar, listed_jars, resolve_jars

GOOD = b"class files"


class Remote:
    """What a repository on the network would answer, in order; the last answer is repeated."""

    def __init__(self, *answers: bytes | OSError) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, jar: Jar, folder: Path) -> Path:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, OSError):
            raise answer
        folder.mkdir(parents=True)
        (folder / jar.name).write_bytes(answer)
        return folder / jar.name


def a_jar(artifact: str = "broker") -> Jar:
    digest = hashlib.sha256(GOOD).hexdigest()
    return Jar(group="org.example", artifact=artifact, version="1.0", size=len(GOOD), sha256=digest)


def cached(repository: Path, content: bytes) -> Path:
    path = a_jar().path_in(repository)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_a_missing_file_is_fetched_and_kept(tmp_path: Path) -> None:
    remote = Remote(GOOD)
    assert resolve_jars([a_jar()], tmp_path, remote) == resolve_jars([a_jar()], tmp_path, remote)
    assert remote.asked == 1
    assert (tmp_path / "org/example/broker/1.0/broker-1.0.jar").read_bytes() == GOOD


def test_a_filled_cache_needs_no_network(tmp_path: Path) -> None:
    path = cached(tmp_path, GOOD)
    assert resolve_jars([a_jar()], tmp_path, Remote(OSError())) == (path,)


def test_a_wrong_file_is_replaced(tmp_path: Path) -> None:
    path = cached(tmp_path, b"clasz files")
    resolve_jars([a_jar()], tmp_path, Remote(GOOD))
    assert path.read_bytes() == GOOD


def test_a_file_that_arrives_wrong_is_fetched_once_again(tmp_path: Path) -> None:
    remote = Remote(b"half", GOOD)
    resolve_jars([a_jar()], tmp_path, remote)
    assert remote.asked == 2


def test_a_file_that_stays_wrong_is_refused_by_name_and_never_kept(tmp_path: Path) -> None:
    remote = Remote(b"clasz files")
    with pytest.raises(Unavailable, match=r"wrong SHA-256: broker-1\.0\.jar"):
        resolve_jars([a_jar()], tmp_path, remote)
    assert remote.asked == 2
    assert list(tmp_path.rglob("*.jar")) == []


def test_without_a_network_the_missing_files_and_the_way_out_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"missing: broker-1\.0\.jar, tools-1\.0\.jar.*DSAR_KAFKA_BOOTSTRAP"):
        resolve_jars([a_jar(), a_jar("tools")], tmp_path, Remote(OSError()))


def test_a_cache_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="M2_REPO"):
        resolve_jars([a_jar()], tmp_path / "file", Remote(GOOD))


def test_the_list_is_whole() -> None:
    jars = listed_jars()
    assert len(jars) == 46
    assert {len(jar.sha256) for jar in jars} == {64}
