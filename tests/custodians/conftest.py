"""The bench of a test: its ledger lies in the test's own folder."""

from pathlib import Path

import pytest

from tests.custodians.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(folder=tmp_path)
