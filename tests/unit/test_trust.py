"""Whose signatures count: what the file of approvers says now, whatever it said a moment ago."""

from base64 import b64encode
from pathlib import Path

import pytest

from orchestrator.settings import BadSettings, Settings
from orchestrator.wiring import Wiring


def _wiring(home: Path) -> Wiring:
    return Wiring(Settings.read(home=str(home)))


def _written(home: Path, *staff: str) -> None:
    rows = [f'[[approver]]\nstaff = "{each}"\npublic = "{b64encode(each.encode() * 16).decode()}"\n' for each in staff]
    (home / "approvers.toml").write_text("\n".join(rows), encoding="utf-8")


def test_without_a_file_nobodys_signature_counts(tmp_path: Path) -> None:
    assert _wiring(tmp_path).trust() == {}


def test_a_name_that_is_struck_off_counts_no_more_and_a_new_one_counts(tmp_path: Path) -> None:
    wiring = _wiring(tmp_path)
    counted = []
    for staff in (("s1", "s2"), ("s1",), ("s3",), ("s1", "s2")):
        _written(tmp_path, *staff)
        counted.append(tuple(sorted(each.staff for each in wiring.trust().values())))
    assert counted == [("s1", "s2"), ("s1",), ("s3",), ("s1", "s2")]


def test_a_file_that_is_gone_takes_everybody_with_it(tmp_path: Path) -> None:
    wiring = _wiring(tmp_path)
    _written(tmp_path, "s1")
    assert len(wiring.trust()) == 1
    (tmp_path / "approvers.toml").unlink()
    assert wiring.trust() == {}


@pytest.mark.parametrize("text", ["[[approver]\n", '[[approver]]\nstaff = "s1"\n', 'approver = "s1"\n'])
def test_a_file_that_cannot_be_read_is_said_to_be_so_each_time(tmp_path: Path, text: str) -> None:
    (tmp_path / "approvers.toml").write_text(text, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(BadSettings, match="approvers"):
            _wiring(tmp_path).trust()
