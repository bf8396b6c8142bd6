"""Who may do what: the only table that says so. What is not in it is denied to everybody."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from orchestrator.domain.staff import Role

V1: Final = "/api/v1"
PUBLIC: Final = None
"""Needs no token: it shows nothing about anybody, or asks for a grant of its own."""

R = Role
EVERYBODY: Final = frozenset(Role)
Allowed = frozenset[Role] | None

PERMISSIONS: Final[Mapping[tuple[str, str], Allowed]] = MappingProxyType(
    {
        ("GET", "/livez"): PUBLIC,
        ("GET", "/readyz"): PUBLIC,
        ("GET", "/metrics"): PUBLIC,
        ("POST", "/parts"): PUBLIC,
        ("PUT", "/parts/{task}/{issue_no}/{n}"): PUBLIC,
        ("GET", f"{V1}/me"): EVERYBODY,
        ("POST", f"{V1}/requests"): frozenset({R.SUPPORT}),
        ("GET", f"{V1}/requests"): EVERYBODY,
        ("POST", f"{V1}/requests/verify"): frozenset({R.VERIFIER}),
        ("POST", f"{V1}/requests/release"): frozenset({R.REVIEWER}),
        ("POST", f"{V1}/requests/approve"): frozenset({R.APPROVER}),
        ("GET", f"{V1}/plans"): EVERYBODY,
        ("GET", f"{V1}/requests/{{request}}"): EVERYBODY,
        ("GET", f"{V1}/requests/{{request}}/why"): EVERYBODY,
        ("POST", f"{V1}/requests/{{request}}/verify"): frozenset({R.VERIFIER}),
        ("GET", f"{V1}/requests/{{request}}/plan"): EVERYBODY,
        ("POST", f"{V1}/requests/{{request}}/approve"): frozenset({R.APPROVER}),
        ("POST", f"{V1}/requests/{{request}}/release"): frozenset({R.REVIEWER}),
        ("POST", f"{V1}/requests/{{request}}/retry"): frozenset({R.ONCALL, R.SUPPORT}),
        ("POST", f"{V1}/requests/{{request}}/cancel"): frozenset({R.SUPPORT}),
        ("POST", f"{V1}/requests/{{request}}/withdraw"): frozenset({R.SUPPORT}),
        ("GET", f"{V1}/requests/{{request}}/identifiers"): frozenset({R.VERIFIER, R.REVIEWER}),
        ("POST", f"{V1}/requests/{{request}}/identifiers/{{n}}"): frozenset({R.VERIFIER, R.REVIEWER}),
        ("GET", f"{V1}/requests/{{request}}/report"): frozenset({R.REVIEWER}),
        ("GET", f"{V1}/staff"): frozenset({R.ADMIN}),
        ("POST", f"{V1}/staff"): frozenset({R.ADMIN}),
        ("POST", f"{V1}/staff/{{staff}}/disable"): frozenset({R.ADMIN}),
        ("POST", f"{V1}/staff/{{staff}}/tokens"): frozenset({R.ADMIN}),
        ("GET", f"{V1}/custodians"): EVERYBODY,
        ("POST", f"{V1}/custodians"): frozenset({R.ADMIN}),
        ("POST", f"{V1}/custodians/{{custodian}}/pause"): frozenset({R.ONCALL, R.ADMIN}),
        ("POST", f"{V1}/custodians/{{custodian}}/resume"): frozenset({R.ONCALL, R.ADMIN}),
        ("GET", f"{V1}/switches"): EVERYBODY,
        ("POST", f"{V1}/switches/stop"): frozenset({R.ONCALL, R.ADMIN}),
        ("POST", f"{V1}/switches/release"): frozenset({R.ONCALL, R.ADMIN}),  # not one's own: the flow sees to it
        ("GET", f"{V1}/audit"): frozenset({R.AUDITOR}),
        ("GET", f"{V1}/audit/export"): frozenset({R.AUDITOR}),
        ("GET", f"{V1}/dead-letters"): frozenset({R.ONCALL}),
        ("POST", f"{V1}/dead-letters/let-pass"): frozenset({R.ONCALL}),
        ("GET", f"{V1}/dead-letters/{{partition}}/{{offset}}"): frozenset({R.ONCALL}),
        ("POST", f"{V1}/dead-letters/{{partition}}/{{offset}}/replay"): frozenset({R.ONCALL}),
        ("POST", f"{V1}/dead-letters/{{partition}}/{{offset}}/drop"): frozenset({R.ONCALL}),
    }
)


def allows(method: str, path: str, roles: frozenset[Role]) -> bool:
    """Whether somebody with these *roles* may do it."""
    allowed = PERMISSIONS.get((method, path), frozenset())
    return allowed is PUBLIC or bool(allowed & roles)


def is_public(method: str, path: str) -> bool:
    """Whether it needs no token at all."""
    return (method, path) in PERMISSIONS and PERMISSIONS[method, path] is PUBLIC
