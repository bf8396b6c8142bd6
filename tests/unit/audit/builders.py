"""Entries and the leaves of whole stories."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts.ids import CustodianId, EventId, RequestId
from orchestrator.audit.leaf import Leaf, leaf_bytes, parse
from orchestrator.domain.events import Detail, Entry, Event, Facts, event_id

REQUEST = RequestId(UUID(int=1))
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def an_entry(
    event: Event = Event.ANSWER_ACCEPTED,
    *,
    at: datetime = AT,
    request: RequestId | None = REQUEST,
    version: int = 7,
    custodian: CustodianId | None = None,
    facts: Facts | None = None,
    causes: Sequence[EventId] = (),
    detail: Detail | None = None,
) -> Entry:
    return Entry(
        id=event_id(request or REQUEST, version),
        event=event,
        at=at,
        actor="system",
        request=request,
        version=version,
        custodian=custodian,
        facts=facts or {},
        causes=tuple(causes),
        detail=detail,
    )


def a_story(kind: str, events: Sequence[Event], *, request: RequestId = REQUEST) -> list[Leaf]:
    return [
        parse(
            leaf_bytes(
                an_entry(
                    event,
                    at=AT + timedelta(seconds=version),
                    request=request,
                    version=version,
                    facts={"kind": kind} if event is Event.OPENED else {},
                ),
                None,
            )
        )
        for version, event in enumerate(events, start=1)
    ]
