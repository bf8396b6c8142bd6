"""The documents for other languages: true to the code, and to the golden messages."""

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from contracts.schemas.documents import ASYNCAPI, MODELS, documents
from contracts.topics import Channel
from tests.contracts.builders import a_slice
from tests.contracts.test_golden import CASES, load, name_of, record_of

FOLDER = Path(str(resources.files("contracts.schemas")))
GOOD = [path for path in CASES if path.parent.name == "good"]


def schema(name: str) -> Draft202012Validator:
    said = json.loads((FOLDER / f"{name}.json").read_text())
    Draft202012Validator.check_schema(said)
    return Draft202012Validator(said)


def asyncapi() -> Any:  # noqa: ANN401 -- YAML
    return yaml.safe_load((FOLDER / ASYNCAPI).read_text())


def references(node: Any) -> Iterator[str]:  # noqa: ANN401 -- YAML
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


def value_and_kind(path: Path) -> tuple[Any, str]:
    record = record_of(json.loads(path.read_text())["record"])
    kind = dict(record.headers)["ce_type"] or b""
    return json.loads(record.value or b""), kind.decode().removeprefix("dsar.")


def test_the_committed_documents_are_what_the_code_writes() -> None:
    written = {path.name: path.read_text() for path in FOLDER.iterdir() if path.suffix in {".json", ".yaml"}}
    assert written == documents()


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_a_golden_message_fits_its_schema(path: Path) -> None:
    value, kind = value_and_kind(path)
    schema(kind).validate(value)


@pytest.mark.parametrize("name", ["schema", "future"])
def test_a_golden_message_that_is_none_does_not_fit(name: str) -> None:
    record = record_of(load(f"bad/{name}.json")["record"])
    with pytest.raises(ValidationError):
        schema("command").validate(json.loads(record.value or b""))


def test_the_golden_dead_letter_and_a_slice_fit_their_schemas() -> None:
    schema("dead_letter").validate(json.loads(record_of(load("good/dead_letter.json")["record"]).value or b""))
    schema("slice").validate(json.loads(a_slice().to_bytes()))


@pytest.mark.parametrize("name", list(MODELS))
def test_a_newer_peers_fields_are_allowed_everywhere(name: str) -> None:
    assert '"additionalProperties": false' not in documents()[f"{name}.json"]


def test_a_result_must_say_its_kind() -> None:
    value, kind = value_and_kind(FOLDER.parent / "golden" / "good" / "answer.json")
    del value["classes"][0]["results"][0]["kind"]
    with pytest.raises(ValidationError):
        schema(kind).validate(value)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in references(document):
        if reference.startswith("./"):
            assert (FOLDER / reference).exists()
            continue
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_asyncapi_document_names_every_channel_and_what_it_carries() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert {each["address"] for each in document["channels"].values()} == set(Channel)
    assert {each["action"] for each in document["operations"].values()} == {"receive", "send"}


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_the_headers_of_a_golden_message_fit_the_asyncapi_document(path: Path) -> None:
    _, kind = value_and_kind(path)
    headers = {
        name: (content or b"").decode() for name, content in record_of(json.loads(path.read_text())["record"]).headers
    }
    Draft202012Validator(asyncapi()["components"]["messages"][kind]["headers"]).validate(headers)
