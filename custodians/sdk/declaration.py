"""The declaration: a custodian's own file about itself, from which its manifest is made."""

from collections.abc import Sequence
from typing import Final

from contracts.command import Operation
from contracts.ids import DataClass
from contracts.manifest import Claims, ClassDeclared, KeyDeclared, Manifest
from contracts.results import Level

_ALL: Final = tuple(
    Claims(operation=operation)
    for operation in (Operation.COLLECT, Operation.PREVIEW, Operation.ERASE, Operation.PROBE, Operation.HALT)
)


class ClassHeld(ClassDeclared, extra="forbid"):
    """A declared class, and how deep an erasure of it goes at once. A soft delete has no level: it cannot be said."""

    level: Level


class Declaration(Manifest, extra="forbid"):
    """A manifest before it has keys. A misspelt word in the file is refused, where a message would ignore it."""

    operations: tuple[Claims, ...] = _ALL
    classes: tuple[ClassHeld, ...]

    def manifest(self, keys: Sequence[KeyDeclared] = ()) -> Manifest:
        """Return the manifest, under the public *keys* given. What else the file says stays with its owner."""
        said = self.model_dump(exclude={"keys"})
        return Manifest.model_validate({**said, "keys": tuple(key.model_dump() for key in keys)})

    def held(self, data_class: DataClass) -> ClassHeld | None:
        """Return what is declared of *data_class*, or None."""
        return next((each for each in self.classes if each.name == data_class), None)
