"""The statements that write a batch of steps, one a table, and the arrays that they unnest."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import TextClause, text

from orchestrator.domain.approval import Approval
from orchestrator.domain.case import Intent, Step
from orchestrator.domain.events import Entry
from orchestrator.store.rows import ANSWERS, RESULTS, SAID, columns

REQUESTS: Final = text("""
    update request r set
        state = u.state, outcome = u.outcome, version = u.version, verified_by = u.verified_by,
        search_round = u.search_round, erase_round = u.erase_round, probe_round = u.probe_round, asking = u.asking,
        begun = u.begun, withdrawn = u.withdrawn, partial = u.partial, plan_hash = u.plan_hash,
        grace_until = u.grace_until, wake_at = u.wake_at, blocked_by = u.blocked_by,
        changed_at = case when (r.state, r.blocked_by, r.asking) is distinct from (u.state, u.blocked_by, u.asking)
                          then :now else r.changed_at end
    from unnest(cast(:id as uuid[]), cast(:was as int[]), cast(:state as text[]), cast(:outcome as text[]),
                cast(:version as int[]), cast(:verified_by as text[]), cast(:search_round as int[]),
                cast(:erase_round as int[]), cast(:probe_round as int[]), cast(:asking as int[]),
                cast(:begun as bool[]), cast(:withdrawn as bool[]), cast(:partial as bool[]),
                cast(:plan_hash as text[]), cast(:grace_until as timestamptz[]), cast(:wake_at as timestamptz[]),
                cast(:blocked_by as text[]))
        as u(id, was, state, outcome, version, verified_by, search_round, erase_round, probe_round, asking, begun,
             withdrawn, partial, plan_hash, grace_until, wake_at, blocked_by)
    where r.id = u.id and r.version = u.was
""")
APPROVALS: Final = text("""
    insert into approval as a (request, asking, plan_hash, opened_by, verified_by, first_by, first_kid, first_at,
                               first_signature, second_by, second_kid, second_at, second_signature, entry, void)
    select u.request, u.asking, u.plan_hash, r.opened_by, r.verified_by, u.first_by, u.first_kid, u.first_at,
           u.first_signature, u.second_by, u.second_kid, u.second_at, u.second_signature, u.entry, u.void
    from unnest(cast(:request as uuid[]), cast(:asking as int[]), cast(:plan_hash as text[]),
                cast(:first_by as text[]), cast(:first_kid as text[]), cast(:first_at as timestamptz[]),
                cast(:first_signature as bytea[]), cast(:second_by as text[]), cast(:second_kid as text[]),
                cast(:second_at as timestamptz[]), cast(:second_signature as bytea[]), cast(:entry as uuid[]),
                cast(:void as bool[]))
        as u(request, asking, plan_hash, first_by, first_kid, first_at, first_signature, second_by, second_kid,
             second_at, second_signature, entry, void)
    join request r on r.id = u.request
    on conflict (request, asking) do update set
        second_by = excluded.second_by, second_kid = excluded.second_kid, second_at = excluded.second_at,
        second_signature = excluded.second_signature, entry = excluded.entry, void = a.void or excluded.void
""")
LINES: Final = text("""
    insert into plan_line (request, custodian, data_class, manifest_hash, required_level, previewed, said)
    select u.request, u.custodian, u.data_class, u.manifest_hash, u.required_level,
           cast(u.previewed as jsonb), cast(u.said as jsonb)
    from unnest(cast(:request as uuid[]), cast(:custodian as text[]), cast(:data_class as text[]),
                cast(:manifest_hash as text[]), cast(:required_level as int[]), cast(:previewed as text[]),
                cast(:said as text[]))
        as u(request, custodian, data_class, manifest_hash, required_level, previewed, said)
    on conflict (request, custodian, data_class) do update set previewed = excluded.previewed, said = excluded.said
""")
IDENTIFIERS: Final = text("""
    insert into identifier (request, n, kind, sealed, blind, standing, admitted_in, found_by)
    select * from unnest(cast(:request as uuid[]), cast(:n as int[]), cast(:kind as text[]), cast(:sealed as text[]),
                         cast(:blind as bytea[]), cast(:standing as text[]), cast(:admitted_in as int[]),
                         cast(:found_by as text[]))
    on conflict (request, n) do update set standing = excluded.standing, admitted_in = excluded.admitted_in
""")
TASKS: Final = text("""
    insert into task (id, request, custodian, operation, round, state, asking, result, answered_by, error, wake_at,
                      since)
    select u.id, u.request, u.custodian, u.operation, u.round, u.state, u.asking, cast(u.result as jsonb),
           u.answered_by, u.error, u.wake_at, u.since
    from unnest(cast(:id as uuid[]), cast(:request as uuid[]), cast(:custodian as text[]), cast(:operation as text[]),
                cast(:round as int[]), cast(:state as text[]), cast(:asking as int[]), cast(:result as text[]),
                cast(:answered_by as text[]), cast(:error as text[]), cast(:wake_at as timestamptz[]),
                cast(:since as timestamptz[]))
        as u(id, request, custodian, operation, round, state, asking, result, answered_by, error, wake_at, since)
    on conflict (id) do update set
        state = excluded.state, result = excluded.result, answered_by = excluded.answered_by,
        error = excluded.error, wake_at = excluded.wake_at, since = excluded.since
""")
ISSUES: Final = text("""
    insert into issue (task, no, command, operation, issued_at, expires_at, bearer_hash)
    select * from unnest(cast(:task as uuid[]), cast(:no as int[]), cast(:command as uuid[]),
                         cast(:operation as text[]), cast(:issued_at as timestamptz[]),
                         cast(:expires_at as timestamptz[]), cast(:bearer_hash as bytea[]))
""")
ENTRIES: Final = text("""
    with handed_in as (
        insert into audit_pending (id, request, leaf, handed_in_at)
        select u.id, u.request, u.leaf, :at
        from unnest(cast(:id as uuid[]), cast(:request as uuid[]), cast(:leaf as bytea[])) as u(id, request, leaf))
    select pg_notify('notary', '') union all select pg_notify('clock', '') where :due
""")  # no RETURNING: whoever writes entries may insert them and nothing else
DETAILS: Final = text("""
    insert into audit_detail (id, request, salt, sealed)
    select * from unnest(cast(:id as uuid[]), cast(:request as uuid[]), cast(:salt as bytea[]),
                         cast(:sealed as text[]))
""")
INTENTS: Final = text("""
    with left_word as (
        insert into outbox (lane, request, operation, round, tasks, due, made_at)
        select u.lane, u.request, u.operation, u.round, cast(string_to_array(u.tasks, ',') as uuid[]), u.due, :now
        from unnest(cast(:lane as text[]), cast(:request as uuid[]), cast(:operation as text[]),
                    cast(:round as int[]), cast(:tasks as text[]), cast(:due as date[]))
            as u(lane, request, operation, round, tasks, due))
    select pg_notify('dispatcher-' || lane, '') from (select distinct unnest(cast(:lane as text[])) as lane) as lanes
""")


def request_columns(steps: Collection[Step], now: datetime) -> dict[str, Any]:
    """The changed requests."""
    names = (
        *("id", "state", "outcome", "version", "verified_by", "search_round", "erase_round", "probe_round", "asking"),
        *("begun", "withdrawn", "partial", "plan_hash", "grace_until", "wake_at", "blocked_by"),
    )
    arrays: dict[str, Any] = {name: [getattr(step.request, name) for step in steps] for name in names}
    return arrays | {"was": [step.was for step in steps], "now": now}


def parts(steps: Collection[Step]) -> Iterator[tuple[TextClause, dict[str, Any]]]:
    """The statements for whatever else changed, in the order that the foreign keys want; none where nothing did."""
    if approvals := [step.approval for step in steps if step.approval]:
        yield APPROVALS, _approval_columns(approvals)
    if lines := [(step.request.id, line) for step in steps for line in step.lines]:
        yield (
            LINES,
            columns(
                lines,
                {
                    "request": lambda each: each[0],
                    "custodian": lambda each: each[1].custodian,
                    "data_class": lambda each: each[1].data_class,
                    "manifest_hash": lambda each: each[1].manifest_hash,
                    "required_level": lambda each: int(each[1].required_level),
                    "previewed": lambda each: SAID.dump_json(each[1].previewed).decode(),
                    "said": lambda each: RESULTS.dump_json(each[1].said).decode(),
                },
            ),
        )
    if known := [(step.request.id, each) for step in steps for each in step.identifiers]:
        yield (
            IDENTIFIERS,
            {"request": [request for request, _ in known]}
            | _attributes([each for _, each in known], "n kind sealed blind standing admitted_in found_by"),
        )
    if tasks := [task for step in steps for task in step.tasks]:
        yield (
            TASKS,
            _attributes(tasks, "id request custodian operation round state asking answered_by error wake_at since")
            | {"result": [ANSWERS.dump_json(task.result).decode() for task in tasks]},
        )
    if issues := [issue for step in steps for issue in step.issues]:
        yield ISSUES, _attributes(issues, "task no command operation issued_at expires_at bearer_hash")


def _attributes(items: Sequence[object], names: str) -> dict[str, Any]:
    return {name: [getattr(item, name) for item in items] for name in names.split()}


def _approval_columns(approvals: Sequence[Approval]) -> dict[str, Any]:
    return columns(
        approvals,
        {
            "request": lambda each: each.request,
            "asking": lambda each: each.asking,
            "plan_hash": lambda each: each.plan_hash,
            "first_by": lambda each: each.first.staff,
            "first_kid": lambda each: each.first.kid,
            "first_at": lambda each: each.first.signed_at,
            "first_signature": lambda each: each.first.value,
            "second_by": lambda each: each.second and each.second.staff,
            "second_kid": lambda each: each.second and each.second.kid,
            "second_at": lambda each: each.second and each.second.signed_at,
            "second_signature": lambda each: each.second and each.second.value,
            "entry": lambda each: each.entry,
            "void": lambda each: each.void,
        },
    )


def intent_columns(intents: Sequence[Intent], now: datetime) -> dict[str, Any]:
    """The intents, each with its lane."""
    arrays = _attributes(intents, "lane request operation round due")
    return arrays | {"tasks": [",".join(map(str, each.tasks)) for each in intents], "now": now}


def detail_columns(entries: Sequence[Entry]) -> dict[str, Any]:
    """The sealed details of those entries that have one."""
    kept = [(entry, entry.detail) for entry in entries if entry.detail is not None]
    return {
        "id": [entry.id for entry, _ in kept],
        "request": [entry.request for entry, _ in kept],
        "salt": [detail.salt for _, detail in kept],
        "sealed": [detail.sealed for _, detail in kept],
    }
