"""Filling the sample that keeps its people in files. Doing it again adds only what is missing."""

import io
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from obstore.store import LocalStore, ObjectStore, from_url

from custodians.samples.people import ARTICLES, LAST_DAY, Person, chosen, drawn, everybody, number
from custodians.samples.seeding import Filled

EVENT_DAYS: Final = 5
RECOMMENDATION_MONTHS: Final = ("2026-09", "2026-10")


async def seed_recommendation_logs(store: str) -> list[Filled]:
    """Fill the folder or bucket of `recommendation-logs`."""
    place = _store_at(store)
    people = everybody()
    events = {f"events/{_day(n)}.jsonl": _event_lines(people, n) for n in range(EVENT_DAYS)}
    said = {f"recommendations/{month}.parquet": _parquet(people, month) for month in RECOMMENDATION_MONTHS}
    return [_put_missing(place, "events", events), _put_missing(place, "recommendations", said)]


def _store_at(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme != "file":
        return from_url(url)
    return LocalStore(Path(url2pathname(parts.path)), mkdir=True)


def _put_missing(place: ObjectStore, what: str, files: Mapping[str, bytes]) -> Filled:
    """Put what is not there, or not whole any more: somebody may have been erased from it.

    Without `await`: a thread of the store's own that is still letting go of a result when Python ends aborts the
    process (a quarter of the runs on a busy machine), and this command ends as soon as the last file is there.
    """
    missing = [name for name, content in files.items() if _content(place, name) != content]
    for name in missing:
        obstore.put(place, name, files[name])
    return Filled(what=what, added=len(missing), of=len(files))


def _content(place: ObjectStore, name: str) -> bytes | None:
    try:
        return bytes(obstore.get(place, name).bytes())
    except FileNotFoundError:
        return None


def _day(n: int) -> str:
    return (LAST_DAY - timedelta(days=n)).isoformat()


def _event_lines(people: Sequence[Person], n: int) -> bytes:
    lines = []
    for person in people:
        for device in person.devices:
            event = drawn("event", device.id, n).hex()[:16]
            line = {
                "event": event,
                "at": f"{_day(n)}T{number(24, 'hour', event):02d}:{number(60, 'minute', event):02d}:00Z",
                "device": {"id": device.id, "model": device.model},
                "customer": person.customer if number(2, "logged in", event) else None,
                "article": chosen(ARTICLES, "looked at", event),
                "experiment": f"ranking-{number(3, 'arm', event)}",
            }
            lines.append(json.dumps(line, separators=(",", ":")).encode())
    return b"\n".join(lines) + b"\n"


def _parquet(people: Sequence[Person], month: str) -> bytes:
    rows = [
        {
            "id": drawn("said", device.id, month, i).hex()[:16],
            "device": device.id,
            "customer": person.customer,
            "article": chosen(ARTICLES, "said", device.id, month, i),
            "score": number(1000, "score", device.id, month, i) / 1000,
        }
        for person in people
        for device in person.devices
        for i in range(3)
    ]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink, compression="zstd", row_group_size=64)
    return sink.getvalue()
