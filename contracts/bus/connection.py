"""Where the broker is, and who we are there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity

from contracts.topics import Channel, topic_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A broker and the credential for it. *prefix* keeps environments apart that share a broker."""

    bootstrap: str
    client_id: str
    prefix: str = ""
    security: BaseSecurity | None = field(default=None, repr=False)

    def topic(self, channel: Channel) -> str:
        """Return the physical topic of *channel* on this broker."""
        return topic_of(channel, self.prefix)

    def client_options(self) -> Mapping[str, Any]:
        """Return what aiokafka's own clients take, for topics and replays."""
        return {
            "bootstrap_servers": self.bootstrap,
            "client_id": self.client_id,
            **parse_security(self.security),
        }
