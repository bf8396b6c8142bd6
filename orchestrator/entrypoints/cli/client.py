"""Talking to the API: its address and token, and what its problems mean for the exit code."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import httpx2

from orchestrator.entrypoints.cli.codes import Code, Failed, failing

URL: Final = "DSAR_URL"
TOKEN: Final = "DSAR_TOKEN"  # noqa: S105 - a variable's name
HOME: Final = "DSAR_HOME"
PATIENCE_S: Final = 30.0
Json = dict[str, Any]


BY_STATUS: Final[Mapping[int, Code]] = MappingProxyType({404: Code.NOT_FOUND, 409: Code.CONFLICT, 410: Code.CONFLICT})
SERVERS_FAULT: Final = 500


def home() -> Path:
    """The home folder of this machine's own system."""
    return Path(os.environ.get(HOME, "~/.dsar")).expanduser().absolute()


def address() -> str:
    """Where the API is: as the environment says, else as the system of this machine wrote down."""
    found = os.environ.get(URL, "").rstrip("/") or _announced()
    if not found:
        raise Failed(Code.UNREACHABLE, f"no API is known here: start one with `dsar up`, or set {URL} and {TOKEN}")
    return found


def _announced() -> str | None:
    """Where the system of this machine said that its API is."""
    try:
        told: str = json.loads((home() / "run.json").read_text(encoding="utf-8"))["addresses"]["api"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return told.rstrip("/")


def bearer(url: str) -> str:
    """The caller's token: from the environment, else the home's own, which is an admin's and goes to its API alone."""
    given = os.environ.get(TOKEN)
    if given is not None:
        if not given.strip():
            raise Failed(Code.USAGE, f"{TOKEN} is empty: set it to your token, or unset it")
        return given.strip()
    try:
        own = (home() / "token").read_text(encoding="utf-8").strip() if url == _announced() else ""
    except OSError:
        own = ""
    if not own:
        raise Failed(Code.USAGE, f"set {TOKEN} to your token; an admin issues one with `dsar staff token`")
    return own


class Api:
    """The API, as the caller's token lets it be."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def get(self, path: str, **params: object) -> Json:
        """Ask; parameters that are None are left out."""
        told = {key: str(value) for key, value in params.items() if value is not None}
        return self._json("GET", path, params=told)

    def post(self, path: str, body: object = None, **headers: str) -> Json:
        """Tell."""
        return self._json("POST", path, json={} if body is None else body, headers=headers)

    @contextmanager
    def stream(self, path: str) -> Iterator[httpx2.Response]:
        """Ask for something large."""
        with _reached(), self._client.stream("GET", path) as response:
            if response.status_code >= httpx2.codes.BAD_REQUEST:
                response.read()
                raise _refused(response)
            yield response

    def _json(self, method: str, path: str, **more: Any) -> Json:  # noqa: ANN401 - the client's own arguments
        with _reached():
            response = self._client.request(method, path, **more)
        if response.status_code >= httpx2.codes.BAD_REQUEST:
            raise _refused(response)
        found: Json = response.json()
        return found


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        told = f"the API does not answer ({type(error).__name__}); is `dsar up` running, is {URL} right?"
        raise Failed(Code.UNREACHABLE, told) from None


def _refused(response: httpx2.Response) -> Failed:
    try:
        problem: Json = response.json()
        detail = str(problem["detail"])
    except (ValueError, LookupError, TypeError):
        problem, detail = {"status": response.status_code}, "the API answered something unexpected"
    if response.status_code >= SERVERS_FAULT:
        return Failed(Code.UNREACHABLE, detail, problem=problem)
    return Failed(BY_STATUS.get(response.status_code, Code.REFUSED), detail, problem=problem)


@contextmanager
def talking(*, as_json: bool) -> Iterator[Api]:
    """Talk to the API, for as long as the block lasts."""
    with failing(as_json=as_json):
        url = address()
        headers = {"Authorization": f"Bearer {bearer(url)}"}
        with httpx2.Client(base_url=f"{url}/api/v1", headers=headers, timeout=PATIENCE_S) as client:
            yield Api(client)
