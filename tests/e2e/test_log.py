"""The log, taken away and read without the tables: it tells the same."""

import pytest

from orchestrator.audit.fold import fold
from orchestrator.audit.leaf import parse
from tests.e2e.desk import Desk

pytestmark = [pytest.mark.xdist_group("e2e"), pytest.mark.timeout(240)]


async def test_the_exported_log_folds_to_the_states_that_the_api_shows(desk: Desk) -> None:
    await desk.access("nobody.we.know@example.net")
    folded = fold(parse(line) for line in await desk.export())
    shown = [await desk.show(request) for request in desk.opened]
    assert {str(request) for request in folded} == {each["id"] for each in shown}
    told = {str(each): (one.kind, one.state, one.version, one.outcome) for each, one in folded.items()}
    assert told == {each["id"]: (each["kind"], each["state"], each["version"], each["outcome"]) for each in shown}
