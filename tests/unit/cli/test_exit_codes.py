"""What the exit code says, for everything that can go wrong between the command line and the API."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from orchestrator.entrypoints.cli.main import app

HERE = ["request", "list"]
EMPTY = b'{"requests": [], "next": null}'


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """An API that says the same to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_home(folder: Path, url: str) -> None:
    (folder / "run.json").write_text(json.dumps({"addresses": {"api": url}}))
    (folder / "token").write_text("dst_x\n")


def run(*words: str, url: str | None = None, home: Path | None = None, token: str | None = "dst_x") -> Result:
    env = {"DSAR_URL": url, "DSAR_TOKEN": token if url else None, "DSAR_HOME": str(home) if home else None}
    return CliRunner().invoke(app, list(words), env=env)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, 1), (403, 1), (404, 4), (409, 5), (410, 5), (413, 1), (422, 1), (500, 3), (503, 3)],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_problem_becomes_its_exit_code(status: int, code: int, as_json: bool) -> None:
    problem = {"type": "urn:dsar:x", "title": "X", "status": status, "detail": "do this instead"}
    with answering(status, json.dumps(problem).encode()) as url:
        result = run(*HERE, *(["--json"] if as_json else []), url=url)
    assert result.exit_code == code
    assert result.stdout == ""
    assert json.loads(result.stderr) == problem if as_json else result.stderr == "dsar: do this instead\n"


def test_an_answer_that_is_no_problem_document_is_no_traceback() -> None:
    with answering(502, b"<html>") as url:
        result = run(*HERE, url=url)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "unexpected" in result.stderr


def test_an_api_that_does_not_answer_is_not_reachable() -> None:
    result = run(*HERE, url="http://127.0.0.1:1")
    assert result.exit_code == 3
    assert "DSAR_URL" in result.stderr


def test_without_any_api_the_way_to_one_is_told(tmp_path: Path) -> None:
    result = run(*HERE, home=tmp_path)
    assert result.exit_code == 3
    assert "dsar up" in result.stderr


def test_the_system_of_this_machine_is_found_by_itself(tmp_path: Path) -> None:
    with answering(200, EMPTY) as url:
        a_home(tmp_path, url)
        result = run(*HERE, home=tmp_path)
    assert (result.exit_code, result.stdout) == (0, "no request is open: nothing is owed\n")


def test_an_api_without_a_token_is_a_matter_of_usage(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"addresses": {"api": "http://127.0.0.1:1"}}))
    result = run(*HERE, home=tmp_path)
    assert result.exit_code == 2
    assert "DSAR_TOKEN" in result.stderr


@pytest.mark.parametrize("token", ["", "  \n"])
def test_an_empty_token_makes_nobody_the_admin_of_the_home(tmp_path: Path, token: str) -> None:
    with answering(200, EMPTY) as url:
        a_home(tmp_path, url)
        result = run(*HERE, url=url, home=tmp_path, token=token)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "DSAR_TOKEN is empty" in result.stderr


def test_the_homes_own_token_goes_to_its_own_api_and_to_no_other(tmp_path: Path) -> None:
    with answering(200, EMPTY) as own, answering(200, EMPTY) as other:
        a_home(tmp_path, own)
        there, elsewhere = (run(*HERE, url=url, home=tmp_path, token=None) for url in (f"{own}/", other))
    assert (there.exit_code, elsewhere.exit_code) == (0, 2)
    assert "set DSAR_TOKEN to your token" in elsewhere.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["request", "open"],
        ["request", "open", "access", "-i", "email"],
        ["request", "open", "--file", "/nowhere"],
        ["request", "open", "acess"],
        ["request", "show", "12"],
        ["request", "verify"],
        ["audit", "export", "--out", "-", "--json"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_what_was_typed_wrong_is_a_matter_of_usage(words: list[str]) -> None:
    with answering(200, b"{}") as url:
        result = run(*words, url=url)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr
