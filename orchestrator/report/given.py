"""What a report is built from: frozen before the first try, so that every try gives the same bytes."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator

from contracts.ids import CustodianId, DataClass, RequestId, TaskId
from contracts.results import Found, Result, Unaddressable
from orchestrator.domain.request import Kind


class Given(BaseModel):
    """A value of the frozen input. JSON-able; silent about itself when it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class PartGiven(Given):
    """An uploaded part that goes into the report, by the digest and size of its ciphertext."""

    task: TaskId
    issue_no: PositiveInt
    n: NonNegativeInt
    custodian: CustodianId
    data_class: DataClass
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: PositiveInt


class LineGiven(Given):
    """One data class of a custodian: how the manifest explains it, and what was said of it.

    `said` is empty if no answer came; `gap` says that the person must be told of it by name.
    """

    data_class: DataClass = Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")
    label: str
    purpose: str = ""
    categories: tuple[str, ...] = ()
    basis: str = ""
    retention: str = ""
    said: tuple[Result, ...] = ()
    gap: bool = False

    @property
    def held(self) -> int:
        """How many records the custodian says it holds."""
        return sum(result.count for result in self.said if isinstance(result, Found))

    @property
    def unaddressable(self) -> bool:
        """Whether nobody knew the identifier that the custodian needs."""
        return any(isinstance(result, Unaddressable) for result in self.said)


class CustodianGiven(Given):
    """A custodian of the plan, with every data class that the plan counts on."""

    id: CustodianId = Field(pattern=r"^[a-z][a-z0-9-]{0,47}$")
    owner: str
    lines: tuple[LineGiven, ...] = Field(min_length=1)


class Statement(Given):
    """A paragraph of the controller's own: recipients, sources, transfers, automated decisions (GDPR Art. 15(1, 2))."""

    title: str
    text: str


class ReportInput(Given):
    """All that a report says, but for the records and the identifiers. Names nobody."""

    request_id: RequestId
    kind: Kind = Kind.ACCESS
    received_on: date
    due: date
    controller: str
    contact: str = ""
    authority: str = ""
    statements: tuple[Statement, ...] = ()
    built_at: AwareDatetime
    custodians: tuple[CustodianGiven, ...] = ()
    parts: tuple[PartGiven, ...] = ()
    test: bool = False
    partial: bool = False

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        places = [(custodian.id, line.data_class) for custodian, line in self.lines()]
        if len(set(places)) != len(places) or len({each.id for each in self.custodians}) != len(self.custodians):
            raise ValueError("a custodian or one of its data classes is named twice")
        return self

    @model_validator(mode="after")
    def _every_part_of_an_issue(self) -> Self:
        places = {(custodian.id, line.data_class) for custodian, line in self.lines()}
        if not all((part.custodian, part.data_class) in places for part in self.parts):
            raise ValueError("a part is of a data class that the plan does not name")
        for parts in self.issues().values():
            if sorted(part.n for part in parts) != list(range(len(parts))):
                raise ValueError("parts of an issue are missing or doubled")
        return self

    def lines(self) -> Iterator[tuple[CustodianGiven, LineGiven]]:
        """Every line of the plan with its custodian."""
        return ((custodian, line) for custodian in self.custodians for line in custodian.lines)

    def issues(self) -> dict[tuple[TaskId, int], list[PartGiven]]:
        """The parts by the issue that they were uploaded for."""
        found: defaultdict[tuple[TaskId, int], list[PartGiven]] = defaultdict(list)
        for part in self.parts:
            found[part.task, part.issue_no].append(part)
        return dict(found)
