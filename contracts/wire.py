"""What every message shares: frozen, typed, silent about its input when it is refused."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Version = Literal[1]
CONTRACT_VERSION: Version = 1


class Wire(BaseModel):
    """A value that crosses the bus. Unknown fields are ignored (a newer peer sends them), unknown enum values are not.

    `hide_input_in_errors`: a message that is refused must not show its content in an error.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, ser_json_bytes="base64")

    def to_bytes(self) -> bytes:
        """Return the bytes to sign and send. Serialise once: what was signed is what is sent."""
        return self.model_dump_json(exclude_none=True).encode()
