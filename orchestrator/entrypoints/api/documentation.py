"""The OpenAPI document: every operation says which roles may call it, and that its errors are problem documents."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orchestrator.domain.staff import Role
from orchestrator.entrypoints.api.permissions import PERMISSIONS, PUBLIC
from orchestrator.entrypoints.api.problems import MEDIA_TYPE, Problem

WHEN: Final = {
    "401": "No token that counts",
    "403": "The caller's roles, or a rule, do not allow it",
    "404": "There is no such thing",
    "409": "The state does not allow it, or somebody was faster",
    "422": "What was sent cannot be right",
    "503": "Something does not answer; try again",
}
SCHEME: Final = "token"


def documented(app: FastAPI) -> None:
    """Have *app* describe itself so."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(get_openapi(title=app.title, version=app.version, routes=app.routes))
        return app.openapi_schema

    app.__dict__["openapi"] = openapi


def _described(document: dict[str, Any]) -> dict[str, Any]:
    components = document.setdefault("components", {})
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas = components.setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}) | {"Problem": schema})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    components["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer", "bearerFormat": "dst_ and 256 bits"}}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(operation, PERMISSIONS.get((method.upper(), path), frozenset()))
    return document


def _describe(operation: dict[str, Any], allowed: frozenset[Role] | None) -> None:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, description in WHEN.items():
        operation["responses"][status] = {"description": description, "content": content}
    if allowed is PUBLIC:
        operation["security"] = []
        return
    operation["security"] = [{SCHEME: []}]
    operation["x-roles"] = sorted(allowed)
