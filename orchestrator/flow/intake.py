"""What happens when requests come in: sealed before the transaction, written in one, each idempotency key once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from contracts.identifiers import Identifier
from contracts.ids import RequestId
from orchestrator.domain.admission import Known, Standing
from orchestrator.domain.deadline import deadline, regime, zone
from orchestrator.domain.errors import InvalidInput
from orchestrator.domain.events import Entry, Event, event_id
from orchestrator.domain.request import Kind, Request, State
from orchestrator.store import cases, requests
from orchestrator.store.requests import Earlier, NewKey, Opening
from orchestrator.store.session import Transaction
from orchestrator.vault.identifiers import blind, seal_identifier
from orchestrator.vault.keys import KeyUse, new_pair, wrap_pair
from orchestrator.vault.kms import Kms, Wrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A request as support staff fill it in."""

    kind: Kind
    identifiers: tuple[Identifier, ...] = field(repr=False)
    regime: str
    received_on: date
    received_given: bool = True  # else it is the day on which it was taken in, and a retry may come a day later
    controller: str
    idempotency_key: str
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What came of a form. `conflict`: the key was used before, with another body; nothing was opened."""

    key: str
    request: RequestId | None
    state: str
    due: date | None
    repeated: bool = False
    conflict: bool = False


async def prepare(
    form: Form, *, request: RequestId, seeds: tuple[bytes, bytes], link_kms: Kms, reply_kms: Kms, blind_key: bytes,
    by: str,
) -> Opening:  # fmt: skip
    """Make the request's keys and seal its identifiers; no lock is held, a KMS may be slow.

    Raises `InvalidInput` for an unknown regime or for no identifier at all.
    """
    if not form.identifiers:
        raise InvalidInput("give at least one identifier of the person")
    link_public, link_private = new_pair(seeds[0])
    reply_public, reply_private = new_pair(seeds[1])
    keys = (
        _new_key(KeyUse.LINK, link_public, await wrap_pair(link_kms, request, KeyUse.LINK, link_private)),
        _new_key(KeyUse.REPLY, reply_public, await wrap_pair(reply_kms, request, KeyUse.REPLY, reply_private)),
    )
    return Opening(
        request=_request(form, request, by),
        idempotency_key=form.idempotency_key,
        body_digest=_digest(form, blind_key),
        controller=form.controller,
        keys=keys,
        identifiers=tuple(
            Known(
                n=n,
                kind=known.kind,
                blind=blind(blind_key, known),
                standing=Standing.ADMITTED,
                admitted_in=0,
                sealed=seal_identifier(known, link_public, request),
            )
            for n, known in enumerate(dict.fromkeys(form.identifiers), start=1)
        ),
    )


def _new_key(use: KeyUse, public: bytes, wrapped: bytes) -> NewKey:
    return NewKey(use=use, public=public, wrapped=wrapped, kek_id=Wrapped.from_bytes(wrapped).kek_id)


def _request(form: Form, request: RequestId, by: str) -> Request:
    return Request(
        id=request,
        kind=form.kind,
        state=State.RECEIVED,
        version=1,
        regime=form.regime,
        received_on=form.received_on,
        due=deadline(regime(form.regime), form.received_on).due,
        opened_by=by,
        test=form.test,
    )


def _digest(form: Form, blind_key: bytes) -> bytes:
    """What tells the same form from another one under the same key. Keyed: identifiers could be guessed otherwise."""
    received = form.received_on.isoformat() if form.received_given else None
    told = [form.kind, form.regime, received, form.controller, form.test]
    blinds = sorted(blind(blind_key, known).hex() for known in form.identifiers)
    return sha256(json.dumps([told, blinds]).encode()).digest()


async def open_(tx: Transaction, openings: Sequence[Opening]) -> list[Receipt]:
    """Open these requests, in the caller's transaction; the same form under the same key gets the same receipt.

    Raises `InvalidInput` if one was received in the future, by the calendar of its regime's zone.
    """
    for each in openings:
        if each.request.received_on > tx.now.astimezone(zone(regime(each.request.regime))).date():
            raise InvalidInput("received_on lies in the future; give the day on which the request reached you")
    first = list({each.idempotency_key: each for each in reversed(openings)}.values())
    new = await requests.insert(tx, first)
    entries = [_opened(each, tx) for each in first if each.request.id in new]
    await cases.append(tx, entries)
    earlier = await requests.earlier(tx, [each.idempotency_key for each in openings])
    return [_receipt(each, earlier[each.idempotency_key]) for each in openings]


def _opened(opening: Opening, tx: Transaction) -> Entry:
    request = opening.request
    return Entry(
        id=event_id(request.id, 1),
        event=Event.OPENED,
        at=tx.now,
        actor=request.opened_by,
        request=request.id,
        version=1,
        facts={
            "kind": request.kind,
            "state": request.state,
            "regime": f"{request.regime} {regime(request.regime).version}",
            "received_on": request.received_on.isoformat(),
            "due": request.due.isoformat(),
            "identifiers": len(opening.identifiers),
            "test": request.test,
        },
    )


def _receipt(opening: Opening, held: Earlier) -> Receipt:
    if held.body_digest != opening.body_digest:
        return Receipt(key=held.key, request=None, state="", due=None, conflict=True)
    repeated = held.request != opening.request.id
    return Receipt(key=held.key, request=held.request, state=held.state, due=held.due, repeated=repeated)
