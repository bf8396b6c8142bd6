"""Each rule of who may import whom is seen to break once: a copy of the code, one forbidden import, one broken rule."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.house.sources import PACKAGES, ROOT

VERDICT: Final = re.compile(r"^(.+) (KEPT|BROKEN)$", re.MULTILINE)
NO_IO: Final = "contracts (but bus), domain, audit and report do no I/O"
NOT_PURE: Final = {"contracts.bus", "contracts.golden", "contracts.schemas"}


class Plant(NamedTuple):
    """A new module, and the import in it that must not be."""

    module: str
    line: str


PLANTS: Final[Mapping[str, Plant]] = {
    "contracts is all that orchestrator and custodians share": Plant(
        "custodians/runner/planted.py", "import orchestrator.domain.errors"
    ),
    "orchestrator: each floor knows only the floors below": Plant(
        "orchestrator/audit/planted.py", "import orchestrator.vault.keys"
    ),
    "things that happen are strangers to each other": Plant(
        "orchestrator/flow/planted.py", "import orchestrator.flow.intake"
    ),
    "custodians: everything knows the SDK, nothing else": Plant(
        "custodians/sdk/planted.py", "import custodians.runner.keys"
    ),
    NO_IO: Plant("orchestrator/domain/planted.py", "import structlog"),
    "tables are private to the store": Plant("orchestrator/flow/planted.py", "import orchestrator.store.tables"),
    "only entrypoints know the web and the bus's libraries": Plant("orchestrator/flow/planted.py", "import fastapi"),
    "settings reach no further than wiring and entrypoints": Plant(
        "orchestrator/flow/planted.py", "import orchestrator.settings"
    ),
    "the product does not import its tests' tools": Plant("contracts/planted.py", "import pytest"),
}


def _contracts() -> list[dict[str, object]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, object]] = settings["tool"]["importlinter"]["contracts"]
    return found


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the three packages, and the rules, in a folder of their own."""
    folder = tmp_path_factory.mktemp("copied")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _verdicts(folder: Path) -> dict[str, str]:
    linter = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([linter, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return dict(VERDICT.findall(said.stdout))


def test_every_rule_has_its_plant_and_is_kept_without_it(copied: Path) -> None:
    assert _verdicts(copied) == dict.fromkeys(PLANTS, "KEPT")
    assert {each["name"] for each in _contracts()} == set(PLANTS)


@pytest.mark.parametrize("rule", PLANTS)
def test_a_forbidden_import_breaks_its_rule_and_no_other(copied: Path, rule: str) -> None:
    planted = copied / PLANTS[rule].module
    planted.write_text(f'"""Planted."""\n\n{PLANTS[rule].line}\n', encoding="utf-8")
    try:
        broken = [name for name, verdict in _verdicts(copied).items() if verdict == "BROKEN"]
    finally:
        planted.unlink()
    assert broken == [rule]


@pytest.mark.parametrize("package", ["orchestrator", "custodians"])
def test_a_package_without_a_floor_breaks_the_rule_of_floors(copied: Path, package: str) -> None:
    planted = copied / package / "homeless.py"
    planted.write_text('"""Planted."""\n', encoding="utf-8")
    try:
        broken = [name for name, verdict in _verdicts(copied).items() if verdict == "BROKEN"]
    finally:
        planted.unlink()
    assert [name.partition(":")[0] for name in broken] == [package]


def test_every_module_of_the_contracts_but_the_bus_is_held_to_do_no_io() -> None:
    held = next(each for each in _contracts() if each["name"] == NO_IO)["source_modules"]
    assert isinstance(held, list)
    there = {f"contracts.{path.stem}" for path in (ROOT / "contracts").iterdir() if path.name[0] not in "_."}
    assert {name for name in held if name.startswith("contracts.")} == there - NOT_PURE
