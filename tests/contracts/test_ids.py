"""Task ids: the same for the same asking, another for any other."""

from uuid import UUID

import pytest

from contracts.ids import CustodianId, TaskId, task_id
from tests.contracts.builders import CRM, REQUEST


def an_id(
    *, environment: str = "test", generation: int = 1, custodian: str = CRM, operation: str = "erase", round_: int = 1
) -> TaskId:
    return task_id(
        environment=environment,
        generation=generation,
        request=REQUEST,
        custodian=CustodianId(custodian),
        operation=operation,
        round_=round_,
    )


def test_a_task_id_never_changes() -> None:
    assert an_id() == UUID("e8b7150c-9fc8-8ee0-8f82-06e136667957")
    assert an_id().version == 8


@pytest.mark.parametrize(
    "other",
    [
        an_id(environment="tes"),
        an_id(generation=2),
        an_id(custodian="cr"),
        an_id(custodian="crme", operation="rase"),
        an_id(operation="probe"),
        an_id(round_=2),
    ],
)
def test_any_other_asking_has_another_id(other: TaskId) -> None:
    assert other != an_id()
