"""Bundles as a stranger would write them: one line of JSON, and the bytes behind it."""

import json

import pytest
from jsonschema import ValidationError
from pydantic import ValidationError as Unfit

from contracts.command import UploadGrant
from contracts.parts import BUNDLE_PARTS, AnnouncedPart, BundleAnswer, BundleHead, bundle_of
from tests.contracts.builders import PROFILE, TASK
from tests.contracts.test_schemas import schema

PART = AnnouncedPart(task_id=TASK, issue_no=1, n=0, data_class=PROFILE, digest="0" * 64, size=3, bearer="canary")


def test_a_bundle_is_one_line_of_json_and_then_the_bytes_in_its_order() -> None:
    head = BundleHead(parts=(PART, PART.model_copy(update={"n": 1, "size": 4})))
    line, _, rest = bundle_of(head, [b"a\nb", b"\x00\xff\n\n"]).partition(b"\n")
    assert rest == b"a\nb\x00\xff\n\n"
    assert BundleHead.model_validate_json(line, strict=True) == head
    schema("bundle").validate(json.loads(line))


def test_an_answer_fits_its_schema() -> None:
    said = {"results": [{"status": 201}, {"status": 403, "type": "urn:dsar:forbidden", "detail": "no grant"}]}
    schema("bundle_answer").validate(said)
    assert json.loads(BundleAnswer.model_validate(said).to_bytes()) == said


@pytest.mark.parametrize("count", [0, BUNDLE_PARTS + 1])
def test_a_bundle_has_some_parts_and_not_too_many(count: int) -> None:
    listed = {"parts": [json.loads(PART.to_bytes())] * count}
    with pytest.raises(ValidationError):
        schema("bundle").validate(listed)
    with pytest.raises(Unfit):
        BundleHead.model_validate(listed)


def test_the_bearer_is_shown_by_nothing() -> None:
    with pytest.raises(Unfit) as refused:
        BundleHead.model_validate({"parts": [PART.model_dump() | {"digest": "canary"}]})
    assert "canary" not in repr(PART) + str(refused.value)


def test_a_grant_need_not_offer_bundles_and_says_nothing_of_them_then() -> None:
    said = {"url": "https://api.example/parts/1/1", "bearer": "b", "max_bytes": 1, "exp": 1}
    grant = UploadGrant.model_validate(said)
    assert grant.bundle_url is None
    assert json.loads(grant.to_bytes()) == said
