"""What people see of switches: how each stands, what it holds back, and what turning one would touch."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text

from orchestrator.domain.approval import SECOND_WITHIN
from orchestrator.domain.stops import EVERYWHERE, What, Why
from orchestrator.store.session import Transaction

SWITCHES: Final = text("""
    select s.scope, s.what, s.stopped, s.why, s.ticket, s.by, s.at,
           (select count(*) from held_back h
            where s.stopped and (s.scope = '*' or h.custodian = s.scope)
              and (s.what = 'commands' or h.operation = 'erase')) as held_back
    from switch s order by s.scope, s.what desc
""")
TOUCHED: Final = text("""
    with concerned as (
        select r.id, r.state, r.grace_until from request r
        where r.state not in ('closed', 'shredded')
          and (:everywhere or exists (select from plan_line l where l.request = r.id and l.custodian = :scope))),
    asked as (
        select t.state, t.id from concerned c join task t on t.request = c.id
        where (:everywhere or t.custodian = :scope) and (:all or t.operation = 'erase'))
    select count(*) filter (where c.state = 'grace') as in_grace,
           count(*) filter (where c.state = 'erasing') as erasing,
           min(c.grace_until) filter (where c.state in ('grace', 'erasing')) as grace_until,
           (select count(*) from asked where state = 'planned') as planned,
           (select count(*) from asked where state in ('issued', 'waiting')) as left_already,
           (select count(*) from asked a join held_back h on h.task = a.id where a.state = 'planned') as held_back
    from concerned c
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """A switch, and how many tasks wait for it."""

    scope: str
    what: What
    stopped: bool
    why: Why | None
    ticket: str | None
    by: str | None
    at: datetime | None
    held_back: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What a switch concerns at this moment."""

    requests_in_grace: int
    requests_erasing: int
    tasks_planned: int  # not sent yet: what a stop keeps
    tasks_held_back: int  # of these: what a release sends
    tasks_sent: int  # no stop calls them back
    approvals_lapse_from: datetime | None  # the first of them: whoever is stopped for longer is approved anew


async def switches(tx: Transaction) -> list[SwitchView]:
    """Every switch that was ever touched, and the one for all."""
    rows = (await tx.connection.execute(SWITCHES)).all()
    found = [_switch(row) for row in rows]
    if any(each.scope == EVERYWHERE for each in found):
        return found
    untouched = SwitchView(
        scope=EVERYWHERE, what=What.ERASURE, stopped=False, why=None, ticket=None, by=None, at=None, held_back=0
    )
    return [untouched, *found]


def _switch(row: Row[Any]) -> SwitchView:
    return SwitchView(
        scope=row.scope,
        what=What(row.what),
        stopped=row.stopped,
        why=Why(row.why),
        ticket=row.ticket,
        by=row.by,
        at=row.at,
        held_back=row.held_back,
    )


async def touched(tx: Transaction, scope: str, what: What) -> Touched:
    """What is there now that a switch would stop or let go."""
    asked = {"scope": scope, "everywhere": scope == EVERYWHERE, "all": what is What.COMMANDS}
    row = (await tx.connection.execute(TOUCHED, asked)).one()
    return Touched(
        requests_in_grace=row.in_grace,
        requests_erasing=row.erasing,
        tasks_planned=row.planned,
        tasks_held_back=row.held_back,
        tasks_sent=row.left_already,
        approvals_lapse_from=None if row.grace_until is None else row.grace_until + SECOND_WITHIN,
    )
