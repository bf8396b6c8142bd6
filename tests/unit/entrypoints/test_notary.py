"""The notary lets entries come together before it numbers them."""

import asyncio
from pathlib import Path

import pytest

from orchestrator.entrypoints.notary import INTERVAL_S, Notary
from orchestrator.store.session import Transaction


class Opened(Exception):
    """Raised in place of a transaction."""


async def test_entries_get_time_to_come_together_before_they_are_numbered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    class Opening:
        async def __aenter__(self) -> Transaction:
            raise Opened

        async def __aexit__(self, *_: object) -> None:
            raise AssertionError

    monkeypatch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(Opened):
        await Notary(transaction=Opening, home=tmp_path).once()
    assert slept == [INTERVAL_S]
