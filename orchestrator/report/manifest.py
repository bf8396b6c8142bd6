"""The list of what is in a report: every file with its digest, where it came from, and what everyone answered."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Final, NamedTuple

from contracts.ids import CustodianId, DataClass
from orchestrator.report.given import CustodianGiven, LineGiven, ReportInput
from orchestrator.report.pages import Counts, Missing

MANIFEST_VERSION: Final = 1
_JSON: Final = json.JSONEncoder(ensure_ascii=False)


class FileTold(NamedTuple):
    """A file of the report. Those of the records name their class; the pages do not."""

    name: str
    size: int
    sha256: str
    custodian: CustodianId | None
    data_class: DataClass | None


def manifest(report: ReportInput, files: Sequence[FileTold], counts: Counts, missing: Sequence[Missing]) -> str:
    """Return the JSON text of `manifest.json`: one line for each fact, custodian, file and part."""
    facts = {
        "v": MANIFEST_VERSION,
        "request": str(report.request_id),
        "kind": report.kind,
        "received_on": report.received_on.isoformat(),
        "due": report.due.isoformat(),
        "built_at": report.built_at.astimezone(UTC).isoformat(),
        "controller": report.controller,
        "test": report.test,
        "complete": not (missing or report.partial),
    }
    lists = {
        "missing": [asdict(each) for each in missing],
        "custodians": [_custodian(custodian, counts) for custodian in report.custodians],
        "files": [file._asdict() for file in files],
        "parts": [part.model_dump(mode="json") for part in report.parts],
    }
    told = [f' "{name}": {_JSON.encode(value)}' for name, value in facts.items()]
    told += [f' "{name}": {_lines(values)}' for name, values in lists.items()]
    return "{\n" + ",\n".join(told) + "\n}\n"


def _lines(values: Iterable[Mapping[str, object]]) -> str:
    # not the encoder's own indent: it is written in Python, and ten times slower
    return "[" + ",".join(f"\n  {_JSON.encode(value)}" for value in values) + "\n ]"


def _custodian(custodian: CustodianGiven, counts: Counts) -> dict[str, object]:
    lines = [_line(line, counts.get((custodian.id, line.data_class), 0)) for line in custodian.lines]
    return {"id": custodian.id, "owner": custodian.owner, "classes": lines}


def _line(line: LineGiven, count: int) -> dict[str, object]:
    return {**line.model_dump(mode="json"), "records": count}
