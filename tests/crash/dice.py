"""Dice that fall the same way for the same seed, on every machine and in every version of Python."""

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of numbers out of a seed and a name: two names never disturb each other."""

    def __init__(self, seed: int, name: str) -> None:
        self._stem = f"{seed}/{name}/"
        self._thrown = 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to *limit* - 1."""
        return self._number() % limit

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._number() / 2**64

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.below(len(values))]

    def shuffled(self, values: Sequence[T]) -> list[T]:
        deck = list(values)
        for last in range(len(deck) - 1, 0, -1):
            other = self.below(last + 1)
            deck[last], deck[other] = deck[other], deck[last]
        return deck

    def _number(self) -> int:
        self._thrown += 1
        return int.from_bytes(sha256(f"{self._stem}{self._thrown}".encode()).digest()[:8])
