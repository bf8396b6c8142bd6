"""The pages need a system of their own: they come before the tests that share one."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.path.is_relative_to(FOLDER))
