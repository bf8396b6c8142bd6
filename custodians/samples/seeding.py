"""How each sample's store is filled with its made-up people."""

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What seeding did to one table or folder."""

    what: str
    added: int
    of: int


# loaded when asked for: a team with a database need not install what writes Parquet
SEEDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "user-profiles": "custodians.samples.databases:seed_user_profiles",
        "transaction-history": "custodians.samples.databases:seed_transaction_history",
        "recommendation-logs": "custodians.samples.logs:seed_recommendation_logs",
    }
)
"""Where what fills each sample's store is."""


async def fill(sample: str, store: str) -> list[Filled]:
    """Fill the store of one of `SEEDS`; raise `ModuleNotFoundError` where its extra is not installed."""
    module, _, name = SEEDS[sample].partition(":")
    seed: Callable[[str], Awaitable[list[Filled]]] = getattr(importlib.import_module(module), name)
    return await seed(store)
