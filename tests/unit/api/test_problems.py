"""Errors become documents that say what to do, and never what was sent."""

from collections.abc import Iterator

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError

from contracts.identifiers import MalformedIdentifier, UnknownIdentifierKind
from orchestrator.domain import errors
from orchestrator.domain.errors import DsarError
from orchestrator.entrypoints.api.letters import Unreachable
from orchestrator.entrypoints.api.problems import Unauthenticated, problem_of
from orchestrator.entrypoints.api.requests import OpenOne
from orchestrator.flow.uploads import GrantExpired, TooMuch
from orchestrator.vault.blobs import AnotherBlob, TooLarge, WrongDigest


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unauthenticated("do this"), 401, "unauthenticated"),
        (errors.Forbidden("do this"), 403, "forbidden"),
        (errors.NotFound("do this"), 404, "not_found"),
        (errors.Conflict("do this"), 409, "conflict"),
        (errors.IllegalTransition("do this"), 409, "wrong_state"),
        (errors.StaleRequest("do this"), 409, "stale"),
        (errors.InvalidInput("do this"), 422, "invalid_input"),
        (errors.RefusedByRule("do this"), 422, "refused"),
        (GrantExpired("do this"), 410, "grant_expired"),
        (TooMuch("do this"), 413, "too_large"),
        (UnknownIdentifierKind("do this"), 422, "unknown_identifier_kind"),
        (MalformedIdentifier("do this"), 422, "malformed_identifier"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
def test_an_error_by_rule_has_its_status_its_code_and_its_words(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert (problem.status, problem.type, problem.detail) == (status, f"urn:dsar:{code}", "do this")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TooLarge("canary"), 413),
        (WrongDigest("canary"), 400),
        (AnotherBlob("canary"), 409),
        (Unreachable("canary"), 503),
        (ConnectionRefusedError("canary"), 503),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
def test_an_error_of_others_is_told_in_our_words(error: Exception, status: int) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert problem.status == status
    assert "canary" not in problem.model_dump_json()


@pytest.mark.parametrize("error", [RuntimeError("canary"), errors.EffectWithoutEntry("canary"), KeyError("canary")])
def test_a_defect_of_ours_has_no_document_of_its_own(error: Exception) -> None:
    assert problem_of(error) is None


def test_every_error_of_the_domain_is_known_here() -> None:
    assert all(problem_of(kind("x")) is not None for kind in _below(DsarError) if kind is not errors.EffectWithoutEntry)


def _below(kind: type[DsarError]) -> Iterator[type[DsarError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


class _Everything(BaseModel):
    form: OpenOne


@pytest.mark.parametrize(
    "sent",
    [
        {"form": {"canary@example.com": "canary"}},
        {"form": {"kind": "canary", "identifiers": "canary", "received_on": "canary", "test": "canary"}},
        {"form": {"kind": "access", "identifiers": [{"kind": "email", "value": "canary" * 100, "canary": 1}]}},
        {"form": "canary"},
        ["canary"],
        {"canary": "canary"},
    ],
    ids=range(6),
)
def test_what_does_not_fit_is_told_without_any_of_it(sent: object) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(_Everything).validate_python(sent)
    problem = problem_of(RequestValidationError(refused.value.errors()))
    assert problem is not None
    assert problem.errors
    assert all(each.expected for each in problem.errors)
    assert "canary" not in problem.model_dump_json()
