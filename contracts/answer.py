"""The answer: what one custodian reports on one issue of one task."""

from typing import Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from contracts.command import Operation
from contracts.ids import CommandId, CustodianId, DataClass, RequestId, TaskId, WorkerId
from contracts.results import Said, TaskOutcome
from contracts.wire import CONTRACT_VERSION, Version, Wire


class ClassAnswer(Wire):
    """What is said of one data class. Two results are possible: five erased, two retained."""

    data_class: DataClass
    results: tuple[Said, ...] = Field(min_length=1, max_length=3)


class PartRef(Wire):
    """One uploaded part, by the digest and size of its ciphertext: truncation and reordering show."""

    n: NonNegativeInt
    data_class: DataClass
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: PositiveInt


class Answer(Wire):
    """Signed by the custodian, bound to the command's digest. Either `outcome`, or one `classes` line per class asked.

    `found` holds identifiers, each a JWE to the command's link key; `sealed` is a JWE to its reply key with the
    content key of the parts. `checked` says in a few words what was looked at and how.
    """

    v: Version = CONTRACT_VERSION
    environment: str
    custodian: CustodianId
    task_id: TaskId
    issue_no: PositiveInt
    command_id: CommandId
    command_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    request_id: RequestId
    operation: Operation
    iat: int
    manifest_hash: str
    outcome: TaskOutcome | None = None
    classes: tuple[ClassAnswer, ...] = ()
    parts: tuple[PartRef, ...] = ()
    found: tuple[str, ...] = Field(default=(), max_length=64, repr=False)
    sealed: str | None = Field(default=None, repr=False)
    worker: WorkerId
    duration_ms: NonNegativeInt
    checked: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.outcome is None) == (not self.classes):
            raise ValueError("an answer has either an outcome or results per data class")
        if len({each.data_class for each in self.classes}) != len(self.classes):
            raise ValueError("a data class is answered twice")
        return self
