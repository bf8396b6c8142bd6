"""The approver's tool trusts nobody: it computes the hash itself, and signs what it has shown."""

import tomllib
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from typer.testing import CliRunner

from contracts.ids import RequestId
from contracts.keys import SigningKey
from contracts.results import Ground
from orchestrator.domain.approval import approval_bytes
from orchestrator.domain.plan import PlanDocument, hash_of
from orchestrator.entrypoints.cli.approving import _checked, _show, _signed, key_file
from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.cli.main import app
from orchestrator.entrypoints.cli.output import GROUNDS

REQUEST = UUID(int=5)
DOCUMENT: PlanDocument = {
    "asking": 0, "commitment": "c", "environment": "test", "lines": [["crm", "profile", "hash", 1]],
    "request": str(REQUEST), "round": 1, "v": 1,
}  # fmt: skip
OF_ANOTHER: PlanDocument = DOCUMENT | {"request": str(UUID(int=6))}


def a_plan(**other: object) -> dict[str, Any]:
    lines = [{"custodian": "crm", "data_class": "profile", "previewed": []}]
    return {"document": DOCUMENT, "hash": hash_of(DOCUMENT), "lines": lines} | other


def test_the_hash_is_computed_from_what_is_shown() -> None:
    assert _checked(a_plan(), REQUEST) == hash_of(DOCUMENT)


@pytest.mark.parametrize(
    "plan",
    [
        a_plan(hash="0" * 64),
        a_plan(lines=[]),
        a_plan(lines=[{"custodian": "shop", "data_class": "profile", "previewed": []}]),
        a_plan(document=OF_ANOTHER, hash=hash_of(OF_ANOTHER)),
    ],
    ids=["another hash", "lines left out", "lines of others", "another request"],
)
def test_a_plan_that_is_not_what_it_says_is_never_signed(plan: dict[str, Any]) -> None:
    with pytest.raises(Failed) as refused:
        _checked(plan, REQUEST)
    assert refused.value.code is Code.REFUSED


def test_the_signature_is_over_environment_request_plan_and_time() -> None:
    signer = SigningKey.generate(b"k" * 32)
    body = _signed(signer, dict(DOCUMENT), "ab" * 32)
    at = datetime.fromtimestamp(body["signed_at"], UTC)
    signed = approval_bytes(environment="test", request=RequestId(REQUEST), plan_hash="ab" * 32, signed_at=at)
    Ed25519PublicKey.from_public_bytes(signer.public).verify(b64decode(body["signature"]), signed)


@pytest.mark.parametrize(
    ("previewed", "said"),
    [
        ([], "not asked"),
        ([{"kind": "not_found"}], "nothing held"),
        ([{"kind": "found", "count": 7}], "erase 7"),
        (
            [
                {"kind": "found", "count": 2},
                {"kind": "retained", "count": 4, "ground": "A17LegallyRequired", "until": "2036-12-31"},
            ],
            "erase 2, keep 4 (law, until 2036-12-31)",
        ),
        ([{"kind": "failed_somehow", "count": 1}], "failed somehow 1"),
    ],
)
def test_who_signs_reads_what_will_be_done(
    previewed: list[dict[str, Any]], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _show(a_plan(lines=[{"custodian": "crm", "data_class": "profile", "previewed": previewed}]), "ab" * 32)
    row = next(line for line in capsys.readouterr().out.splitlines() if "crm" in line)
    assert row.split(maxsplit=2)[2].strip() == said


def test_every_ground_for_keeping_has_its_words() -> None:
    assert GROUNDS.keys() == set(Ground)


def test_a_key_is_made_once_and_its_line_printed(tmp_path: Path) -> None:
    words = ["approver", "init", "--staff", "st_1", "--key", str(tmp_path / "mine" / "approver.pem")]
    first, second = CliRunner().invoke(app, words), CliRunner().invoke(app, words)
    made = SigningKey.load(tmp_path / "mine" / "approver.pem")
    assert (first.exit_code, second.exit_code) == (0, 5)
    assert tomllib.loads(first.stdout) == {"approver": [{"staff": "st_1", "public": b64encode(made.public).decode()}]}
    assert (tmp_path / "mine" / "approver.pem").stat().st_mode & 0o077 == 0
    assert "never leaves this machine" in first.stderr


def test_the_key_lies_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("DSAR_APPROVER_KEY", raising=False)
    assert key_file(None).is_relative_to(tmp_path)
