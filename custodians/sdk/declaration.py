"""The declaration: a custodian's own file about itself, from which its manifest is made."""

from collections.abc import Sequence
from typing import Final

from contracts.command import Operation
from contracts.ids import DataClass
from contracts.manifest import Claims, ClassDeclared, KeyDeclared, Manifest
from contracts.results import Level

AT_ONCE: Final = 10
"""How many of an operation run at once, where nothing else bounds what they ask of their store."""


def all_operations(*, at_once: int = AT_ONCE) -> tuple[Claims, ...]:
    """Claim every operation."""
    every = (Operation.COLLECT, Operation.PREVIEW, Operation.ERASE, Operation.PROBE, Operation.HALT)
    return tuple(Claims(operation=each, max_in_flight=at_once) for each in every)


class ClassHeld(ClassDeclared, extra="forbid"):
    """A declared class, and how deep an erasure of it goes at once. A soft delete has no level: it cannot be said."""

    level: Level


class Declaration(Manifest, extra="forbid"):
    """A manifest before it has keys. A misspelt word in the file is refused, where a message would ignore it."""

    operations: tuple[Claims, ...] = all_operations()
    classes: tuple[ClassHeld, ...]

    def manifest(self, keys: Sequence[KeyDeclared] = ()) -> Manifest:
        """Return the manifest, under the public *keys* given. What else the file says stays with its owner."""
        said = self.model_dump(exclude={"keys"})
        return Manifest.model_validate({**said, "keys": tuple(key.model_dump() for key in keys)})

    def held(self, data_class: DataClass) -> ClassHeld | None:
        """Return what is declared of *data_class*, or None."""
        return next((each for each in self.classes if each.name == data_class), None)
