"""The dead letter: a record that could not be taken, kept as it came so that a person can look and replay it."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from contracts.wire import CONTRACT_VERSION, Count, Seconds, Version, Wire


class Refusal(StrEnum):
    """Why a record was not taken. Code decides by this word, never by a text."""

    TOO_LARGE = "too_large"
    NO_SIGNATURE = "no_signature"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    NOT_JSON = "not_json"
    BAD_SCHEMA = "bad_schema"
    FUTURE_VERSION = "future_version"
    WRONG_ENVIRONMENT = "wrong_environment"
    WRONG_LANE = "wrong_lane"
    WRONG_KEY = "wrong_key"
    WRONG_HEADERS = "wrong_headers"
    WRONG_RECIPIENT = "wrong_recipient"
    WRONG_CUSTODIAN = "wrong_custodian"
    TRANSPLANTED = "transplanted"
    UNSEALABLE = "unsealable"
    UNKNOWN_TASK = "unknown_task"


class DeadLetter(Wire):
    """Who could not take which record, and the record itself, byte for byte (sealed inside, as it was on its topic).

    `key`, `value` and the headers' values are base64: one broken byte must not lose the letter.
    `value_bytes` is what the value weighed; of one that is far too large only the beginning is kept.
    """

    v: Version = CONTRACT_VERSION
    environment: str
    reader: str
    topic: str
    partition: Count
    offset: Annotated[int, Field(ge=0)]
    refusal: Refusal
    at: Seconds
    key: str | None = None
    value: str | None = None
    value_bytes: Count = 0
    headers: tuple[tuple[str, str], ...] = ()
