"""Which login may do what to which table. What is not listed is not granted."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

WRITES_STEPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "request": "select, update",
        "approval": "select, insert, update",
        "plan_line": "select, insert, update",
        "identifier": "select, insert, update",
        "task": "select, insert, update",
        "issue": "select, insert, update",
        "outbox": "insert",
        "audit_pending": "insert",
        "audit_detail": "insert",
        "manifest": "select",
        "alembic_version": "select",
        "recovery": "select",
        "audit_tree": "select",
    }
)
"""What it takes to lock cases and to write steps, and to see that schema and database are what this code expects."""

GRANTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "dsar_api": {
            **WRITES_STEPS,
            "request": "select, insert, update",
            "request_key": "select, insert",
            "answer": "select",
            "part": "select, insert",
            "report": "select, insert",
            "custodian": "select, insert, update",
            "custodian_key": "select, insert, update (not_before)",
            "manifest": "select, insert",
            "heartbeat": "select",
            "staff": "select, insert, update",
            "staff_name": "select, insert, update, delete",
            "api_token": "select, insert, update",
            "dead_letter": "select, insert, update",
            "audit_pending": "insert, select (handed_in_at)",  # how long the notary has been away, and no more
            "audit_entry": "select",
            "outbox": "select, insert",
            "switch": "select, insert, update",
            "held_back": "select, delete",
        },
        "dsar_engine": {
            **WRITES_STEPS,
            "request_key": "select",
            "answer": "select, insert",
            "part": "select",
            "custodian": "select",
            "custodian_key": "select",
            "heartbeat": "select, insert, update",
            "switch": "select",
            "lost_answer": "select, insert",
        },
        "dsar_dispatcher_access": {
            **WRITES_STEPS,
            "request_key": "select",
            "custodian_key": "select",
            "outbox": "select, insert, update, delete",
            "switch": "select",
            "held_back": "select, insert",
        },
        "dsar_dispatcher_erasure": {
            **WRITES_STEPS,
            "request_key": "select",
            "custodian_key": "select",
            "outbox": "select, insert, update, delete",
            "switch": "select",
            "held_back": "select, insert",
        },
        "dsar_reporter": {
            **WRITES_STEPS,
            "request_key": "select",
            "report": "select, update",
            "answer": "select",
            "part": "select",
        },
        "dsar_notary": {
            "audit_pending": "select, update (place), delete",  # `skip locked` wants a column: not the leaf
            "audit_entry": "select, insert",
            "audit_tree": "select, update",
            "alembic_version": "select",
            "recovery": "select, update (alarm_at)",
        },
    }
)

DENIED: Final = (
    """create or replace function dsar_append_only() returns trigger language plpgsql as
       $$ begin raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege'; end $$""",
    """create or replace trigger audit_entry_rows before update or delete on audit_entry
       for each row execute function dsar_append_only()""",
    """create or replace trigger audit_entry_truncate before truncate on audit_entry
       for each statement execute function dsar_append_only()""",
    "alter table audit_entry enable always trigger audit_entry_rows",
    "alter table audit_entry enable always trigger audit_entry_truncate",
)
"""Triggers stop accidents, the owner's too; a signed head outside the database is what catches intent."""
