"""A download is kept whole and checked, or not at all."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.cli.downloads import save


def test_a_whole_download_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    size, digest = save([b"ab", b"c"], tmp_path / "out", digest=sha256(b"abc").hexdigest())
    assert (size, digest, (tmp_path / "out").read_bytes()) == (3, sha256(b"abc").hexdigest(), b"abc")
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0


def test_one_that_was_altered_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Failed) as failed:
        save([b"abd"], tmp_path / "out", digest=sha256(b"abc").hexdigest())
    assert failed.value.code is Code.UNREACHABLE
    assert list(tmp_path.iterdir()) == []


def test_one_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        save(_breaking(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def _breaking() -> Iterator[bytes]:
    yield b"a"
    raise RuntimeError


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(Failed) as failed:
        save([b"other"], tmp_path / "out")
    assert failed.value.code is Code.CONFLICT
    assert (tmp_path / "out").read_bytes() == b"mine"
