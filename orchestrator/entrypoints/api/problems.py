"""Errors as problem documents (RFC 9457): what it is, what to do about it, and never what was sent."""

from collections.abc import Iterator, Mapping
from typing import Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from contracts.identifiers import MalformedIdentifier, UnknownIdentifierKind
from orchestrator.domain.errors import Conflict, DsarError, Forbidden, NotFound, RefusedByRule
from orchestrator.entrypoints.api.deps import Deps
from orchestrator.entrypoints.api.letters import Unreachable
from orchestrator.flow.uploads import GrantExpired, TooMuch
from orchestrator.vault.blobs import AnotherBlob, TooLarge, WrongDigest


class Unauthenticated(DsarError):
    """No token, or none that counts: unknown, expired, revoked, of somebody who has left."""

    code = "unauthenticated"


class BodyTooLarge(RefusedByRule):
    """More bytes than are taken at once."""

    code = "too_large"


log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:dsar:"


class FieldProblem(BaseModel):
    """What is wrong with one field: where it is, and what is expected there."""

    where: str
    expected: str


class Problem(BaseModel):
    """A problem document. `type` is stable; programs decide by it, never by the texts."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None
    incident: str | None = None  # of a defect of ours: the log has it


STATUS: Final[Mapping[type[Exception], int]] = {
    Unauthenticated: 401,
    GrantExpired: 410,
    TooMuch: 413,
    BodyTooLarge: 413,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    RefusedByRule: 422,
    UnknownIdentifierKind: 422,
    MalformedIdentifier: 422,
    TooLarge: 413,
    WrongDigest: 400,
    AnotherBlob: 409,
    RequestValidationError: 422,
    Unreachable: 503,
    OSError: 503,
    OperationalError: 503,
    InterfaceError: 503,
}
OF_HTTP: Final[Mapping[int, tuple[str, str]]] = {
    400: ("bad_request", "the body could not be read; send JSON"),
    404: ("not_found", "there is nothing at this address; /api/v1/openapi.json lists them all"),
    405: ("wrong_method", "this address does not take that method; /api/v1/openapi.json lists them all"),
}
DETAILS: Final[Mapping[type[Exception], tuple[str, str]]] = {
    TooLarge: ("too_large", "a part holds at most 4 MiB and its tag; cut the data into more parts"),
    WrongDigest: ("wrong_digest", "the bytes are not the announced ones; send the part again"),
    AnotherBlob: ("conflict", "another part lies there already, and stays"),
    Unreachable: ("unreachable", "something that this needs does not answer; try again in a moment"),
    OSError: (
        "unreachable",
        "the database or the object store does not answer; try again in a moment, or run `dsar doctor`",
    ),
}
EXPECTED: Final[Mapping[str, str]] = {
    "missing": "a value; it is required",
    "extra_forbidden": "no such field; the schema has the names",
    "string_too_short": "a longer text",
    "string_too_long": "a shorter text",
    "string_pattern_mismatch": "a text of the form that the schema shows",
    "too_long": "fewer items",
    "too_short": "more items",
    "enum": "one of the values that the schema lists",
    "literal_error": "one of the values that the schema lists",
    "uuid_parsing": "a UUID",
    "json_invalid": "JSON",
    "bool_parsing": "true or false",
}
UNEXPECTED: Final = 500
UNNAMED: Final = frozenset({"one", "many", "body"})


def status_of(error: Exception) -> int:
    """The status that *error* is answered with; 500 for what nobody expected."""
    if isinstance(error, HTTPException):
        return error.status_code
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def problem_of(error: Exception) -> Problem | None:
    """The document for *error*; None for what nobody expected. Texts of errors that are not ours are never shown."""
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error.__cause__, BodyTooLarge):  # the framework wraps what reading the body raises
        return problem_of(error.__cause__)
    status = status_of(error)
    if status == UNEXPECTED:
        return None
    code, detail = _told(error, status)
    return _problem(code, status, detail)


def _told(error: Exception, status: int) -> tuple[str, str]:
    match error:
        case DsarError(code=code):
            return code, str(error)
        case UnknownIdentifierKind():
            return "unknown_identifier_kind", str(error)
        case MalformedIdentifier():
            return "malformed_identifier", str(error)
        case HTTPException():
            return OF_HTTP.get(status, ("refused", "this was refused"))
        case _:
            return DETAILS.get(type(error), DETAILS[OSError])


def _problem(code: str, status: int, detail: str) -> Problem:
    return Problem(type=URN + code, title=code.replace("_", " ").capitalize(), status=status, detail=detail)


def _invalid(error: RequestValidationError) -> Problem:
    found = list(_fields(error))
    detail = "the request does not fit the schema: " + "; ".join(
        f"{each.where}: expected {each.expected}" for each in found
    )
    return _problem("invalid_input", 422, detail).model_copy(update={"errors": found})


def _fields(error: RequestValidationError) -> Iterator[FieldProblem]:
    for each in error.errors():
        kind, where = each["type"], [part for part in each["loc"] if part not in UNNAMED]
        if kind == "extra_forbidden":
            where = where[:-1]  # the name of an unknown field is input too
        if kind == "json_invalid":
            where = []
        place = ".".join(str(part) for part in where) or "body"
        yield FieldProblem(where=place, expected=EXPECTED.get(kind, "a value of the form that the schema shows"))


def answer(problem: Problem) -> Response:
    """The response that carries *problem*."""
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "2"}}.get(problem.status)
    return Response(
        problem.model_dump_json(exclude_none=True), status_code=problem.status, headers=headers, media_type=MEDIA_TYPE
    )


async def _known(_request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem is None:
        raise error
    return answer(problem)


async def _unexpected(request: Request, error: Exception) -> Response:
    deps: Deps = request.app.state.deps
    incident = str(deps.new_id())
    log.error("api.failed", incident=incident, exc_info=error)
    told = "something failed here, nothing of it was kept; tell on-call the incident"
    return answer(_problem("internal", UNEXPECTED, told).model_copy(update={"incident": incident}))


def install(app: FastAPI) -> None:
    """Answer every error with a problem document."""
    for kind in (*STATUS, HTTPException):
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(Exception, _unexpected)
