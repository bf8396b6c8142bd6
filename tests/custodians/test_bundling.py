"""Small parts leave together: in one request, each with its own fate, and by themselves where nobody knows bundles."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import httpx2
import pytest

from contracts.ids import DataClass, TaskId
from contracts.parts import BUNDLE_BYTES, BUNDLE_HEAD_BYTES, BUNDLE_PARTS, SMALL_PART_BYTES, AnnouncedPart
from custodians.runner import bundling
from custodians.runner.bundling import Bundles, PutAlone
from custodians.runner.putting import Send, Told

SECRET = "canary-bearer"
URL = "http://api.test/parts"


def a_part(n: int = 0, size: int = 1) -> AnnouncedPart:
    return AnnouncedPart(
        task_id=TaskId(UUID(int=1)),
        issue_no=1,
        n=n,
        data_class=DataClass("letters"),
        digest="0" * 64,
        size=size,
        bearer=SECRET,
    )


def taken(head: bytes) -> list[dict[str, object]]:
    parts: list[dict[str, object]] = json.loads(head)["parts"]
    return parts


def said(*statuses: int) -> bytes:
    return json.dumps({"results": [{"status": each} for each in statuses]}).encode()


@dataclass
class Api(Send):
    """Stands in for the sending: keeps each bundle, and answers 201 for every part, or what it is told to."""

    answers: list[Told | Exception] = field(default_factory=list)
    bundles: list[list[int]] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, limit_s: float) -> Told:
        assert SECRET not in str(headers)
        assert (method, url, limit_s) == ("POST", URL, bundling.BUNDLE_LIMIT_S)
        head, _, rest = body.partition(b"\n")
        parts = taken(head)
        assert sum(int(str(each["size"])) for each in parts) == len(rest)
        self.bundles.append([int(str(each["n"])) for each in parts])
        self.weights.append(len(body))
        await self.gate.wait()
        answer = self.answers.pop(0) if self.answers else Told(status=200, body=said(*[201] * len(parts)))
        if isinstance(answer, Exception):
            raise answer
        return answer


def sending(bundles: Bundles, *numbers: int, size: int = 1) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(bundles.put(URL, a_part(n, size), b"x" * size)) for n in numbers]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nobody_waits_for_company_and_who_comes_meanwhile_is_in_the_next_one() -> None:
    api = Api()
    bundles = Bundles(api)
    first = sending(bundles, 0)
    await settled()
    others = sending(bundles, 1, 2, 3)
    await settled()
    assert api.bundles == [[0]]
    api.gate.set()
    assert await asyncio.gather(*first, *others) == [201] * 4
    assert api.bundles == [[0], [1, 2, 3]]


async def test_what_is_ready_at_the_same_moment_leaves_together_and_each_hears_of_its_own() -> None:
    api = Api(answers=[Told(status=200, body=said(201, 403, 200))])
    api.gate.set()
    assert await asyncio.gather(*sending(Bundles(api), 0, 1, 2)) == [201, 403, 200]


@pytest.mark.parametrize(("size", "most"), [(1, BUNDLE_PARTS), (SMALL_PART_BYTES, 15)], ids=["many", "heavy"])
async def test_a_bundle_has_its_bounds(size: int, most: int) -> None:
    api = Api()
    api.gate.set()
    await asyncio.gather(*sending(Bundles(api), *range(2 * most + 1), size=size))
    assert [len(each) for each in api.bundles] == [most, most, 1]
    assert max(api.weights) <= BUNDLE_BYTES
    assert max(api.weights) - most * size <= BUNDLE_HEAD_BYTES


async def test_whoever_has_gone_away_is_not_sent_and_keeps_nobody() -> None:
    api = Api()
    bundles = Bundles(api)
    (first,) = sending(bundles, 0)
    await settled()
    gone, stays = sending(bundles, 1, 2)
    await settled()
    first.cancel()
    gone.cancel()
    await settled()
    api.gate.set()
    assert await stays == 201
    assert api.bundles == [[0], [2]]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_nobody_takes_anything_at_the_moment(status: int) -> None:
    api = Api(answers=[Told(status=status, body=b"{}")])
    api.gate.set()
    assert await asyncio.gather(*sending(Bundles(api), 0, 1)) == [status, status]


@pytest.mark.parametrize(
    "answer",
    [
        *(Told(status=each, body=b"{}") for each in (301, 400, 404, 405, 413, 422)),
        Told(status=200, body=said(201)),
        Told(status=200, body=b"<html>"),
        Told(status=200, body=b'{"results":[{"status":"201"},{"status":201}]}'),
        TimeoutError(),
        ValueError("no such address"),
    ],
    ids=[
        "moved",
        "bad",
        "unknown",
        "no method",
        "too large",
        "unfit",
        "too few",
        "no JSON",
        "no number",
        "slow",
        "odd",
    ],
)
async def test_a_bundle_that_is_not_taken_as_one_is_put_part_by_part(answer: Told | Exception) -> None:
    api = Api(answers=[answer])
    api.gate.set()
    bundles = Bundles(api)
    outcomes = await asyncio.gather(*sending(bundles, 0, 1), return_exceptions=True)
    assert [type(each) for each in outcomes] == [PutAlone, PutAlone]
    assert await asyncio.gather(*sending(bundles, 2)) == [201]  # and spoils nothing


async def test_nobody_there_is_told_to_each() -> None:
    api = Api(answers=[httpx2.ConnectError("nobody")])
    api.gate.set()
    outcomes = await asyncio.gather(*sending(Bundles(api), 0, 1), return_exceptions=True)
    assert [type(each) for each in outcomes] == [httpx2.ConnectError] * 2


def test_the_bearer_is_in_no_text() -> None:
    assert SECRET not in repr(a_part())
