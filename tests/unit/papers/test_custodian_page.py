"""The page for custodian teams: its commands make a custodian that works, and it explains every field there is."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from contracts.identifiers import Identifier
from contracts.signed_manifest import SignedManifest
from custodians import plugins
from custodians.runner.settings import WorkerSettings, load
from custodians.sdk import ClassHeld, Declaration, Kind, Subject
from tests.unit.papers.places import ROOT, block, text

PAGE: Final = ROOT / "docs" / "custodian.md"
FILLED_IN: Final = {"v", "contracts", "keys"}
ADA: Final = Subject((Identifier(Kind.EMAIL, "ada.lindqvist@example.com"),))


def _commands(name: str) -> str:
    return block(name, PAGE).removeprefix("```bash\n").partition("\n```")[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands of the page make, up to the worker's start."""
    room = tmp_path_factory.mktemp("team")
    (room / "run.json").write_text(json.dumps({"addresses": {"kafka": "127.0.0.1:1"}}))
    keyed = _commands("keyed").splitlines()[:-2]
    script = "\n".join(["set -eu", *map(_commands, ("made", "declared", "settings")), *keyed, _commands("mapped")])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "DSAR_HOME": str(room)}
    done = subprocess.run(["bash", "-c", script], cwd=room, env=env, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["the map fits the store"]), done.stderr
    return room / "newsletter"


def test_its_manifest_is_signed_and_says_what_the_declaration_says(folder: Path) -> None:
    manifest = SignedManifest.model_validate_json(text(folder / "manifest.json")).opened()
    assert (manifest.id, manifest.needs) == ("newsletter", (Kind.EMAIL,))
    assert [each.name for each in manifest.classes] == ["subscription"]
    assert len(manifest.keys) == 2


async def test_its_class_finds_the_person_and_erases_her_once_and_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    settings = load(folder / "worker.yaml")
    declaration = plugins.declaration_of(settings)
    async with plugins.opened(settings, declaration, lambda: date(2026, 1, 1)) as custodian:
        found = [each async for each in custodian.collect(ADA)]
        assert [(each.fields["since"], declaration.held(each.data_class) is None) for each in found] == [
            ("2024-03-01", False)
        ]
        for _ in range(2):
            await custodian.erase(found)
        assert [each async for each in custodian.collect(ADA)] == []


def _named(rows: Iterable[str]) -> set[str]:
    return {name for row in rows for name in re.findall(r"[a-z_]+", row.removeprefix("`classes: "))}


def _explained(heading: str) -> list[str]:
    table = text(PAGE).partition(f"| {heading} | ")[2].partition("\n\n")[0]
    return [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]]


def test_it_explains_every_field_of_a_declaration() -> None:
    rows = _explained("field")
    of_classes = [each for each in rows if each.startswith("`classes: ")]
    assert _named(set(rows) - set(of_classes)) == set(Declaration.model_fields) - FILLED_IN
    assert _named(of_classes) == set(ClassHeld.model_fields)


def test_it_explains_every_setting_of_a_worker() -> None:
    told = set(re.findall(r"`([a-z_]+)`", text(PAGE).partition("| setting | ")[2].partition("\n\n")[0]))
    assert set(WorkerSettings.model_fields) <= told


def test_it_lists_the_kinds_of_identifiers() -> None:
    assert _named(each for each in _explained("kind")) == set(Kind)
