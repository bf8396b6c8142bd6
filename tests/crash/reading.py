"""A report as who fetches it sees it: its digest, whose records are in it, and everybody whom it names anywhere."""

import json
import re
import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from io import BytesIO
from typing import Final
from zipfile import BadZipFile, ZipFile

NAMES: Final = re.compile(rb"person-\d+@people\.example|\bC-\d+\b")
"""What names a made-up person, in whatever file of a report."""
FIRST_PAGE, MANIFEST = "index.html", "manifest.json"
UNREADABLE: Final = (BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, KeyError, TypeError)
DIGITS: Final = 16


def seen(body: bytes) -> dict[str, object]:
    """What the journal keeps of a report; of one that cannot be read, its digest and the error's class."""
    digest = sha256(body).hexdigest()
    try:
        with ZipFile(BytesIO(body)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        files[FIRST_PAGE], files[MANIFEST]  # nobody could find their way about without
        names = {name.decode() for content in files.values() for name in NAMES.findall(content)}
        return {"sha256": digest, "names": sorted(names), "records": _records(files)}
    except UNREADABLE as error:
        return {"sha256": digest, "broken": type(error).__name__}


def _records(files: Mapping[str, bytes]) -> dict[str, dict[str, Sequence[object]]]:
    """By custodian, and by the person whom a record itself names."""
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, content in files.items():
        if name.endswith(".json") and name != MANIFEST:
            told = json.loads(content)
            for record in told["records"]:
                fields = record["fields"]
                found[told["custodian"]][whom(fields["customer"], fields["email"])].append(record["key"])
    return {
        custodian: {person: fingerprint(keys) for person, keys in people.items()} for custodian, people in found.items()
    }


def whom(customer: str, email: str) -> str:
    """How a record names its person."""
    return f"{customer} {email}"


def fingerprint(keys: Collection[str]) -> list[object]:
    """How many records, and a digest of their keys: somebody may have thousands."""
    return [len(keys), sha256("\n".join(sorted(keys)).encode()).hexdigest()[:DIGITS]]
