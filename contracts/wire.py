"""What every message shares: frozen, typed, silent about its input when it is refused."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Version = Literal[1]
CONTRACT_VERSION: Version = 1

# A peer's numbers and words end up in our tables: nothing that a table refuses (an int over 4 bytes, a NUL) gets in.
Seconds = Annotated[int, Field(ge=0, le=253_402_300_799)]
"""Seconds since the epoch, up to the year 9999."""

Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""How many, none included."""

Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""A number that counts from one."""

NAME: Final = r"^[a-z][a-z0-9-]{0,47}$"
"""A custodian's id."""

CLASS_NAME: Final = r"^[a-z][a-z0-9_]{0,47}$"
"""A data class."""

WORD: Final = r"^[A-Za-z0-9._:/@+=-]{0,128}$"
"""A hash, a version, a worker: a word without spaces."""

LINE: Final = r"^[^\x00-\x1f\x7f]*$"
"""Free text in one line."""

DIGEST: Final = r"^[0-9a-f]{64}$"
"""SHA-256, in hex."""

KID: Final = r"^[0-9a-f]{16}$"
"""The id of a key."""

COMPACT: Final = r"^[A-Za-z0-9_.-]+$"
"""A compact JWE."""


class Wire(BaseModel):
    """A value that crosses the bus. Unknown fields are ignored (a newer peer sends them), unknown enum values are not.

    `hide_input_in_errors`: a message that is refused must not show its content in an error.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, ser_json_bytes="base64")

    def to_bytes(self) -> bytes:
        """Return the bytes to sign and send. Serialise once: what was signed is what is sent."""
        return self.model_dump_json(exclude_none=True).encode()
