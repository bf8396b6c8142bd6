"""`dsar-custodian`: its exit codes, its words without values, and that each command loads only what it needs."""

import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog
import yaml
from typer.testing import CliRunner

from contracts.signed_manifest import SignedManifest
from custodians.cli import app
from custodians.commands import words
from custodians.commands.codes import NOT_FOUND, OK, REFUSED, UNREACHABLE, USAGE
from custodians.runner import keys, logs
from custodians.runner.failures import HomeInUse
from custodians.runner.ledger_sqlite import SqliteLedger
from custodians.runner.settings import load

SECRET = "hunter2-someone@example.com"


def settings(folder: Path, **more: object) -> Path:
    said: Mapping[str, object] = {
        "environment": "test",
        "worker": "w-1",
        "home": str(folder),
        "command_keys": str(folder / "commands.yaml"),
        "store": (folder / "store").as_uri(),
        "data_map": "recommendation-logs",
        "kafka": "127.0.0.1:1",
        **more,
    }
    file = folder / "worker.yaml"
    file.write_text(yaml.safe_dump({name: value for name, value in said.items() if value is not None}))
    return file


def call(*argv: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(each) for each in argv])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "STORE", "CONFIG", "DATA_MAP", "WORKER"):
        monkeypatch.delenv(f"DSAR_CUSTODIAN_{name}", raising=False)


def test_keys_are_made_once_and_stay(tmp_path: Path) -> None:
    first = call("keys", "init", tmp_path)
    assert call("keys", "init", tmp_path) == first
    assert first[0] == OK
    assert keys.load(tmp_path).signer.kid in first[1]
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


def test_the_manifest_is_signed_with_those_keys(tmp_path: Path) -> None:
    call("keys", "init", tmp_path)
    code, said = call("manifest", "--config", settings(tmp_path))
    assert code == OK
    manifest = SignedManifest.model_validate_json(said).opened()
    assert manifest.keys == keys.load(tmp_path).declared


def test_a_store_is_seeded_once_and_then_fits_its_map(tmp_path: Path) -> None:
    store = (tmp_path / "store").as_uri()
    assert call("seed", "recommendation-logs", "--store", store) == (
        OK,
        "events: 5 added, 5 in all\nrecommendations: 2 added, 2 in all\n",
    )
    assert call("seed", "recommendation-logs", "--store", store)[1].count(" 0 added") == 2
    assert call("check", "--config", settings(tmp_path)) == (OK, "the map fits the store\n")


def test_seeding_again_brings_back_whom_an_erasure_took_out_of_a_file(tmp_path: Path) -> None:
    store = tmp_path.as_uri()
    call("seed", "recommendation-logs", "--store", store)
    file = min(tmp_path.glob("events/*.jsonl"))
    whole = file.read_bytes()
    file.write_bytes(b"".join(whole.splitlines(keepends=True)[1:]))
    assert " 1 added" in call("seed", "recommendation-logs", "--store", store)[1]
    assert file.read_bytes() == whole


def test_a_map_that_does_not_fit_is_said_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    code, said = call("check", "--config", settings(tmp_path))
    assert code == REFUSED
    assert said.endswith("2 differences\n")


MISTAKES: Mapping[str, tuple[Mapping[str, object], int, str]] = {
    "a sample that is none": ({"data_map": "nobody"}, NOT_FOUND, "nobody: neither a file nor a sample"),
    "a plugin without a declaration": ({"data_map": None, "plugin": "a:B"}, USAGE, "declaration"),
    "both": ({"plugin": "a:B"}, USAGE, "either a data map or a plugin"),
    "a word misspelt": ({"kafkaa": SECRET}, USAGE, "settings: kafkaa"),
    "a name with spaces": ({"worker": SECRET + " "}, USAGE, "settings: worker"),
}


@pytest.mark.parametrize("case", MISTAKES)
@pytest.mark.parametrize("command", ["manifest", "check", "run"])
def test_mistakes_in_settings_have_a_code_and_a_line_without_values(tmp_path: Path, command: str, case: str) -> None:
    more, code, said = MISTAKES[case]
    call("keys", "init", tmp_path)
    (tmp_path / "commands.yaml").write_text("[]")
    ended = call(command, "--config", settings(tmp_path, **more))
    assert ended[0] == code
    assert said in ended[1]
    assert SECRET not in ended[1]


@pytest.mark.parametrize("text", [f"a: [{SECRET}", f"- {SECRET}", SECRET])
def test_a_file_that_is_no_settings_is_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "worker.yaml").write_text(text)
    code, said = call("check", "--config", tmp_path / "worker.yaml")
    assert code == USAGE
    assert said.startswith("settings: ")
    assert SECRET not in said


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSAR_CUSTODIAN_WORKER", "w-2")
    monkeypatch.setenv("DSAR_CUSTODIAN_GRACE_S", "2.5")
    read = load(settings(tmp_path))
    assert (read.worker, read.grace_s, read.environment) == ("w-2", 2.5, "test")
    assert SECRET not in repr(load(settings(tmp_path, store=SECRET)))


def test_keys_that_are_not_there_are_named(tmp_path: Path) -> None:
    for command in ("manifest", "run"):
        assert call(command, "--config", settings(tmp_path)) == (NOT_FOUND, f"not found: {tmp_path}/keys/seal.pem\n")
    call("keys", "init", tmp_path)
    assert call("run", "--config", settings(tmp_path)) == (NOT_FOUND, f"not found: {tmp_path}/commands.yaml\n")


def test_a_file_that_is_no_key_is_named_and_not_quoted(tmp_path: Path) -> None:
    call("keys", "init", tmp_path)
    (tmp_path / "keys" / "sign.pem").write_text(SECRET)
    code, said = call("manifest", "--config", settings(tmp_path))
    assert code == NOT_FOUND
    assert "sign.pem" in said
    assert SECRET not in said


def test_an_unknown_sample_lists_those_that_there_are() -> None:
    code, said = call("seed", "nobody", "--store", "file:///nowhere")
    assert code == NOT_FOUND
    assert "user-profiles" in said


def test_a_database_that_is_not_there_ends_with_3() -> None:
    code, said = call("seed", "user-profiles", "--store", "postgresql://hunter2:hunter2@127.0.0.1:1/hunter2")
    assert code == UNREACHABLE
    assert said == "not reachable: ConnectionRefusedError\n"


def test_only_a_data_map_can_be_compared_with_its_store(tmp_path: Path) -> None:
    declared = tmp_path / "declared.yaml"
    declared.write_text("{}")
    file = settings(tmp_path, data_map=None, plugin="a:B", declaration=str(declared))
    assert call("check", "--config", file)[0] == USAGE


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RuntimeError(SECRET), REFUSED, "failed: RuntimeError at unknown\n"),
        (ExceptionGroup(SECRET, [ExceptionGroup("", [ConnectionResetError(SECRET)])]), UNREACHABLE, None),
        (ModuleNotFoundError(SECRET, name="asyncpg"), REFUSED, None),
    ],
    ids=["unforeseen", "grouped", "not installed"],
)
def test_the_text_of_an_error_is_never_shown(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, said: str | None
) -> None:
    assert words.in_words(error) == code
    shown = capsys.readouterr().err
    assert SECRET not in shown
    assert said in (None, shown)


async def test_a_ledger_is_for_one_worker(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    async with SqliteLedger(path, b"k" * 32, now=lambda: 0.0):
        with pytest.raises(HomeInUse):
            await SqliteLedger(path, b"k" * 32, now=lambda: 0.0).__aenter__()
    async with SqliteLedger(path, b"k" * 32, now=lambda: 0.0):
        pass


def test_nothing_but_names_gets_into_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(sys.stderr)
    structlog.get_logger().warning("work.failed", error="KeyError", email=SECRET)
    logging.getLogger("asyncpg").error("row %s", SECRET)  # noqa: TID251 -- a library's
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, stacklevel=1)
    thread = threading.Thread(target=lambda: json.loads("{" + SECRET))
    thread.start()
    thread.join()
    sys.excepthook(ValueError, ValueError(SECRET), None)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == [
        "work.failed",
        "library.logged",
        "library.logged",
        "process.uncaught",
        "process.uncaught",
    ]
    assert SECRET not in json.dumps(lines)
    assert lines[0]["dropped"] == 1


HEAVY = {"faststream", "aiokafka", "uvloop", "httpx2", "pydantic", "asyncpg", "obstore", "pyarrow", "rich", "typer"}
LOADS: Mapping[str, set[str]] = {
    "custodians.cli": {"typer"},
    "custodians.commands.seed": {"typer"},
    "custodians.samples.databases": {"asyncpg"},
    "custodians.commands.keys": {"pydantic", "typer"},
    "custodians.commands.manifest": {"pydantic", "typer"},
    "custodians.commands.check": {"pydantic", "typer"},
    "custodians.commands.run": {"aiokafka", "faststream", "httpx2", "pydantic", "rich", "uvloop"},
    "custodians.commands.worker": set(),
    "custodians.bundled.objects": {"pydantic", "obstore"},
    "custodians.bundled.parquet": {"pydantic", "pyarrow"},
}


def test_a_command_loads_only_what_it_needs() -> None:
    script = "import sys, importlib\nimportlib.import_module(sys.argv[1])\nprint(*sys.modules)"
    started = {
        module: subprocess.Popen([sys.executable, "-c", script, module], stdout=subprocess.PIPE, text=True)
        for module in LOADS
    }
    loaded = {module: set(child.communicate(timeout=60)[0].split()) & HEAVY for module, child in started.items()}
    assert loaded == LOADS


def test_a_worker_of_its_own_process_ends_as_the_command_does(tmp_path: Path) -> None:
    config = settings(tmp_path, worker=SECRET + " ")
    ended = subprocess.run(
        [sys.executable, "-m", "custodians.commands.worker"],
        env={**os.environ, "DSAR_CUSTODIAN_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (USAGE, "settings: worker\n")
    assert (ended.returncode, ended.stderr) == call("run", "--config", config)


def test_help_names_every_command_and_the_codes() -> None:
    code, said = call("--help")
    assert code == OK
    assert all(word in said for word in ("run", "keys", "manifest", "seed", "check", "Exit codes: 0 ok"))
