"""Reports as they were handed out: what is in one is read from its files, and each lack or excess is charged."""

import json
from hashlib import sha256
from io import BytesIO
from zipfile import ZipFile

import pytest

from tests.crash.dossier import CUSTOMER, EMAIL, HANDED_OUT, KEEPER, OWN, REPORT, fetched, in_order
from tests.crash.judge import judge
from tests.crash.reading import fingerprint, seen, whom

OTHER = ("C-2", "person-2@people.example")
PAGES = {"index.html": EMAIL, "manifest.json": "{}"}
UNDECODABLE = [b"", b"PK\x05\x06" + bytes(18), b"<html>", b"PK\x03\x04 and nothing more"]

INNOCENTS = {
    "a report": fetched(REPORT),
    "a report that was taken twice": fetched(REPORT, REPORT, entries=in_order(*HANDED_OUT, HANDED_OUT[5])),
    "a report whose first answer was lost": fetched(REPORT, entries=in_order(*HANDED_OUT, HANDED_OUT[5])),
}
CRIMES = {
    "a record is missing": ("lost", fetched(REPORT | {"records": {}})),
    "other records of theirs": (
        "lost",
        fetched(REPORT | {"records": {KEEPER: {whom(CUSTOMER, EMAIL): fingerprint(["2"])}}}),
    ),
    "a record twice": (
        "lost",
        fetched(REPORT | {"records": {KEEPER: {whom(CUSTOMER, EMAIL): fingerprint(["1", "1"])}}}),
    ),
    "nobody can read it": ("lost", fetched(seen(b"") | {"sha256": "d"})),
    "fulfilled, and nobody has it": ("lost", fetched()),
    "somebody else's record": (
        "disclosed to others",
        fetched(REPORT | {"records": OWN | {"keeper-2": {whom(*OTHER): fingerprint(["2"])}}}),
    ),
    "a record of theirs with somebody else's address": (
        "disclosed to others",
        fetched(REPORT | {"records": OWN | {"keeper-2": {whom(CUSTOMER, OTHER[1]): fingerprint(["2"])}}}),
    ),
    "somebody else's name on a page": ("disclosed to others", fetched(REPORT | {"names": [CUSTOMER, EMAIL, OTHER[0]]})),
    "not the one that was built": (
        "effects without entry",
        fetched(REPORT, entries=[*HANDED_OUT[:4], HANDED_OUT[4] | {"facts": {"digest": "x"}}, *HANDED_OUT[5:]]),
    ),
    "neither built nor taken": ("effects without entry", fetched(REPORT | {"sha256": "x"})),
    "read twice, and logged once": ("effects without entry", fetched(REPORT, REPORT)),
    "no download is logged": ("effects without entry", fetched(REPORT, entries=HANDED_OUT[:-1])),
    "a download that nobody asked for": ("decisions nobody made", fetched()),
}


@pytest.mark.parametrize("innocent", INNOCENTS)
def test_a_whole_report_of_ones_own_is_innocent(innocent: str) -> None:
    assert not any(judge(INNOCENTS[innocent]).findings.values())


@pytest.mark.parametrize("crime", CRIMES)
def test_what_is_wrong_with_a_report_is_charged(crime: str) -> None:
    charge, evidence = CRIMES[crime]
    assert judge(evidence).findings[charge]


def _zip(files: dict[str, str]) -> bytes:
    held = BytesIO()
    with ZipFile(held, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


def _of(key: str, customer: str, email: str) -> dict[str, object]:
    return {"key": key, "fields": {"id": key, "customer": customer, "email": email}}


def test_a_report_is_read_by_custodian_and_by_whom_its_records_name() -> None:
    records = [_of("1", CUSTOMER, EMAIL), _of("2", *OTHER)]
    body = _zip(PAGES | {f"{KEEPER}/records.json": json.dumps({"custodian": KEEPER, "records": records})})
    assert seen(body) == {
        "sha256": sha256(body).hexdigest(),
        "names": sorted([CUSTOMER, EMAIL, *OTHER]),
        "records": {KEEPER: OWN[KEEPER] | {whom(*OTHER): fingerprint(["2"])}},
    }


def test_a_name_is_seen_in_whatever_file_it_stands() -> None:
    assert OTHER[1] in json.dumps(seen(_zip(PAGES | {f"{KEEPER}/records.csv": f"record,email\r\n2,{OTHER[1]}\r\n"})))


@pytest.mark.parametrize("body", UNDECODABLE)
def test_what_is_no_report_is_told_as_broken(body: bytes) -> None:
    assert "broken" in seen(body)
