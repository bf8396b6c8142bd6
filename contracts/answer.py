"""The answer: what one custodian reports on one issue of one task."""

from itertools import groupby
from typing import Annotated, Self

from pydantic import Field, model_validator

from contracts.command import Operation
from contracts.ids import CommandId, CustodianId, DataClass, RequestId, TaskId, WorkerId
from contracts.results import Said, TaskOutcome
from contracts.wire import (
    CLASS_NAME,
    COMPACT,
    CONTRACT_VERSION,
    DIGEST,
    LINE,
    NAME,
    WORD,
    Count,
    Number,
    Seconds,
    Version,
    Wire,
)


class ClassAnswer(Wire):
    """What is said of one data class. Two results are possible: five erased, two retained."""

    data_class: DataClass = Field(pattern=CLASS_NAME)
    results: tuple[Said, ...] = Field(min_length=1, max_length=3)


class PartRef(Wire):
    """One uploaded part, by the digest and size of its ciphertext: truncation and reordering show."""

    n: Count
    data_class: DataClass = Field(pattern=CLASS_NAME)
    digest: str = Field(pattern=DIGEST)
    size: Number


class Answer(Wire):
    """Signed by the custodian, bound to the command's digest. Either `outcome`, or one `classes` line per class asked.

    `found` holds identifiers, each a JWE to the command's link key; `sealed` is a JWE to its reply key with the
    content key of the parts. `parts` are numbered from 0 without a gap, those of a class together. `checked` says in
    a few words what was looked at and how.
    """

    v: Version = CONTRACT_VERSION
    environment: str = Field(pattern=WORD)
    custodian: CustodianId = Field(pattern=NAME)
    task_id: TaskId
    issue_no: Number
    command_id: CommandId
    command_digest: str = Field(pattern=DIGEST)
    request_id: RequestId
    operation: Operation
    iat: Seconds
    manifest_hash: str = Field(pattern=WORD)
    outcome: TaskOutcome | None = None
    classes: tuple[ClassAnswer, ...] = ()
    parts: tuple[PartRef, ...] = ()
    found: tuple[Annotated[str, Field(pattern=COMPACT)], ...] = Field(default=(), max_length=64, repr=False)
    sealed: str | None = Field(default=None, repr=False, pattern=COMPACT)
    worker: WorkerId = Field(pattern=WORD)
    duration_ms: Count
    checked: str = Field(default="", max_length=200, pattern=LINE)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.outcome is None) == (not self.classes):
            raise ValueError("an answer has either an outcome or results per data class")
        if len({each.data_class for each in self.classes}) != len(self.classes):
            raise ValueError("a data class is answered twice")
        return self

    @model_validator(mode="after")
    def _numbers_its_parts(self) -> Self:
        if any(part.n != n for n, part in enumerate(self.parts)):
            raise ValueError("parts are numbered from 0 without a gap")
        together = [data_class for data_class, _ in groupby(part.data_class for part in self.parts)]
        if len(set(together)) != len(together):
            raise ValueError("the parts of a data class stand together")
        return self
