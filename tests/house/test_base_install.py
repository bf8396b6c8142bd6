"""The base install is contracts and custodians: no web framework, no ORM, nothing of the orchestrator's."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import Any, Final

import pytest

from tests.house.sources import ROOT

PROJECT: Final = "dsar-orchestrator"
NEVER: Final = {"fastapi", "starlette", "uvicorn", "sqlalchemy", "sqlmodel", "alembic", "jinja2"}
SQL: Final = {"custodians.bundled.sql", "custodians.samples.databases", "custodians.samples.user_profiles"}
OBJECTS: Final = {
    "custodians.bundled.objects",
    "custodians.bundled.parquet",
    "custodians.bundled.places",
    "custodians.samples.logs",
}
"""The modules that need an extra, by that extra's name."""

IMPORT_ALL: Final = """
import importlib, json, pkgutil, sys

class OnlyBase:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"not in the base install: {name}", name=name.partition(".")[0])

BLOCKED = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, OnlyBase())
failed, imported = {}, 0
for package in ("contracts", "custodians"):
    for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
        if module.name.endswith("__main__"):
            continue
        try:
            importlib.import_module(module.name)
            imported += 1
        except ModuleNotFoundError as error:
            failed[module.name] = error.name
print(json.dumps({"failed": failed, "imported": imported}))
"""


HELP_OF_ALL: Final = """
import json, sys
from typer.testing import CliRunner

class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(name=name)

BLOCKED = set(json.loads(sys.argv[1]))
sys.meta_path.insert(0, Only())
from orchestrator.entrypoints.cli.main import COMMANDS, app
said = {name: CliRunner().invoke(app, [name, "--help"]) for name in COMMANDS if name != "custodian"}
print(json.dumps({name: [each.exit_code, each.stderr] for name, each in said.items()}))
"""


def _locked() -> dict[str, dict[str, Any]]:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return {each["name"]: each for each in lock["package"]}


def _closure(locked: dict[str, dict[str, Any]], *extras: str) -> set[str]:
    """What the lock file installs with these extras, on any platform."""
    seen: set[tuple[str, str]] = set()
    owed = [(PROJECT, extra) for extra in ("", *extras)]
    while owed:
        name, extra = owed.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        package = locked[name]
        needs = package.get("optional-dependencies", {}).get(extra, []) if extra else package.get("dependencies", [])
        owed += [(need["name"], wanted) for need in needs for wanted in ("", *need.get("extra", ()))]
    return {name for name, _ in seen}


def _beyond(installed: set[str]) -> list[str]:
    """The modules that are not there where only these packages are."""
    return [
        module
        for module, owners in packages_distributions().items()
        if {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}.isdisjoint(installed)
    ]


def _said(script: str, beyond: list[str]) -> dict[str, Any]:
    words = [sys.executable, "-c", script, json.dumps(beyond)]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    told: dict[str, Any] = json.loads(said.stdout)
    return told


def _not_imported(installed: set[str]) -> set[str]:
    """The modules of contracts and custodians that fail where only these packages are."""
    beyond = _beyond(installed)
    assert {"fastapi", "sqlalchemy", "sqlmodel", "pytest"} <= set(beyond)
    told = _said(IMPORT_ALL, beyond)
    assert told["imported"] > 50
    return set(told["failed"])


def test_the_base_install_brings_neither_a_web_framework_nor_an_orm() -> None:
    locked = _locked()
    base = _closure(locked)
    assert {"aiokafka", "faststream", "joserfc", "pydantic-core"} <= base
    assert locked.keys() >= NEVER
    assert base.isdisjoint(NEVER)


@pytest.mark.parametrize(
    ("extras", "missing"),
    [((), SQL | OBJECTS), (("sql",), OBJECTS), (("objects",), SQL)],
    ids=["base", "base and sql", "base and objects"],
)
def test_contracts_and_custodians_are_imported_with_what_a_team_installs(
    extras: tuple[str, ...], missing: set[str]
) -> None:
    assert _not_imported(_closure(_locked(), *extras)) == missing


def test_what_the_image_installs_is_enough_for_every_command() -> None:
    said = _said(HELP_OF_ALL, _beyond(_closure(_locked(), "orchestrator")))
    assert {name: each for name, each in said.items() if each != [0, ""]} == {}


def test_a_command_that_lacks_an_extra_names_it_and_is_no_traceback() -> None:
    said = _said(HELP_OF_ALL, _beyond(_closure(_locked())))
    lacking = {name: each for name, each in said.items() if each != [0, ""]}
    assert {"up", "run", "request", "doctor"} <= lacking.keys()
    assert {code for code, _ in lacking.values()} == {2}
    assert lacking["request"][1].endswith("needs the extra: pip install 'dsar-orchestrator[orchestrator]'\n")
    assert "embedded" in lacking["up"][1]
