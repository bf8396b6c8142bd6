"""The one class that a custodian team writes."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Self

from contracts.identifiers import Identifier
from custodians.sdk.types import Holding, Record, Subject


class Custodian(ABC):
    """One owner's stores. Say what you hold and let go of it; the runner does everything else.

    It counts, remembers, encrypts, uploads, retries, signs and answers; you do none of that, and you may
    be stopped between any two lines. Every method may be called again with the same arguments, also at the
    same time for other people, and an empty subject is normal. Raise `TryLater` or `GiveUp`; anything else
    counts as `GiveUp`. What has begun to erase is tried again whatever was raised, since only its own list
    knows what is gone already.
    """

    @classmethod
    @asynccontextmanager
    async def opened(cls, store: str) -> AsyncIterator[Self]:  # noqa: ARG003 -- what an override needs
        """Make the custodian over the store that the worker's settings name, and close it when the worker stops.

        Override it to open a pool or a client; as it stands, the class is called without arguments.
        """
        yield cls()

    async def resolve(self, subject: Subject) -> Collection[Identifier]:  # noqa: ARG002 -- what an override needs
        """Other identifiers that your store knows for this person, of the kinds your manifest provides."""
        return ()

    @abstractmethod
    def collect(self, subject: Subject) -> AsyncIterator[Record]:
        """Every record about the person, each once, class by class; never hold more than a page of them in memory.

        A record that must be kept in spite of an erasure belongs in here too, with that fate.
        """

    async def find(self, subject: Subject) -> AsyncIterator[Holding]:
        """The keys of what `collect` yields, and what may become of each.

        The preview is its count, the erasure its list, the probe asks that nothing erasable is left.
        Override it when reading whole records only for their keys is too dear.
        """
        async for record in self.collect(subject):
            yield record

    async def erase(self, holdings: Sequence[Holding]) -> None:
        """Erase these, a page of what `find` gave for `Erase`. What is already gone is success.

        The page may be days old, and a page that failed half way comes again.
        """
        raise NotImplementedError  # the runner calls it only if the manifest claims erase
