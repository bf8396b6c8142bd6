"""All that a custodian team imports: one class to write, and the few words it speaks."""

from contracts.identifiers import Identifier
from contracts.identifiers import IdentifierKind as Kind
from contracts.ids import DataClass
from contracts.results import Ground
from custodians.sdk.custodian import Custodian
from custodians.sdk.declaration import ClassHeld, Declaration
from custodians.sdk.errors import CustodianError, GiveUp, TryLater
from custodians.sdk.types import Erase, Fate, Holding, Record, Retain, Subject

__all__ = [
    "ClassHeld",
    "Custodian",
    "CustodianError",
    "DataClass",
    "Declaration",
    "Erase",
    "Fate",
    "GiveUp",
    "Ground",
    "Holding",
    "Identifier",
    "Kind",
    "Record",
    "Retain",
    "Subject",
    "TryLater",
]
