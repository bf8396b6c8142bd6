"""A worker's door for probes and scrapers: `/livez`, `/readyz`, `/metrics`, with what the base install has anyway."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from contracts.bus.letters import Brake

STUCK_AFTER_S: Final = 120.0
"""A reader that got nowhere by then lives and reads nothing."""

PATIENCE_S: Final = 5.0
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Reads(Protocol):
    """Whatever reads the bus, and knows how far behind it is."""

    @property
    def lag_seconds(self) -> float:
        """How old the oldest record is that waits to be handled."""

    @property
    def last_progress(self) -> float:
        """When it last got anywhere."""


class Works(Protocol):
    """Whatever runs the tasks."""

    @property
    def draining(self) -> bool:
        """Whether it takes nothing more."""

    @property
    def progress(self) -> tuple[object, ...]:
        """What runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Answers from what the worker knows of itself; nothing about anybody is behind it."""

    reader: Reads
    worker: Works
    brake: Brake
    clock: Callable[[], float]

    async def serve(self, host: str, port: int) -> None:
        """Answer until cancelled."""
        server = await asyncio.start_server(self._answer, host, port)
        async with server:
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                words = (await reader.readline()).split()
                status, body = self.told(words[1].decode("latin-1") if len(words) > 1 else "")
                head = f"HTTP/1.1 {status}\r\nContent-Type: {TEXT}\r\nContent-Length: {len(body)}\r\n"
                writer.write(f"{head}Connection: close\r\n\r\n{body}".encode())
                await writer.drain()
        except (OSError, ValueError):
            return  # whoever asked has gone, or has not said what
        finally:
            writer.close()

    def told(self, path: str) -> tuple[str, str]:
        """What is said at *path*: a status line and a text."""
        match path:
            case "/livez":
                return "200 OK", "alive\n"
            case "/readyz":
                stuck = self.clock() - self.reader.last_progress > STUCK_AFTER_S
                return ("503 Service Unavailable", "the reader is stuck\n") if stuck else ("200 OK", "ready\n")
            case "/metrics":
                return "200 OK", "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in self._figures())
            case _:
                return "404 Not Found", "there are /livez, /readyz and /metrics\n"

    def _figures(self) -> list[tuple[str, float]]:
        figures: Mapping[str, float] = {
            "lag_seconds": self.reader.lag_seconds,
            "last_progress_timestamp_seconds": self.reader.last_progress,
            "brake_pulled": float(self.brake.pulled is not None),
            "running_tasks": len(self.worker.progress),
            "draining": float(self.worker.draining),
        }
        return [(f"dsar_worker_{name}", value) for name, value in figures.items()]
