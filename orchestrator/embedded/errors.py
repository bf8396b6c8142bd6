"""Why something does not run on this machine; each message says what to do about it."""

from pathlib import Path


class EmbeddedError(Exception):
    """The root: nothing of the embedded services raises anything else on purpose."""


class Unavailable(EmbeddedError):
    """Something is missing on this machine: install it, or point to a service of one's own."""


class HomeInUse(EmbeddedError):
    """Another process holds this home: stop it first, or take another home."""

    def __init__(self, root: Path, pid: str) -> None:
        super().__init__(f"{root} is in use by process {pid}; stop that one first, or set DSAR_HOME to another folder")


class PortTaken(EmbeddedError):
    """Something that is not ours listens where ours has to."""

    def __init__(self, name: str, port: int, run_file: Path) -> None:
        super().__init__(
            f"port {port} on 127.0.0.1 belongs to {name} of this home, but something else uses it; "
            f'stop that, or remove "{name}" from "ports" in {run_file} to have another port chosen'
        )


class DiedAtStart(EmbeddedError):
    """A child ended before it was ready: the end of its log says why."""

    def __init__(self, name: str, code: int | None, log: Path, tail: str) -> None:
        super().__init__(f"{name} ended with exit code {code} before it was ready; the end of {log}:\n{tail}")


class NotReady(EmbeddedError):
    """A child runs, but did not answer in time."""

    def __init__(self, name: str, seconds: float, log: Path, tail: str) -> None:
        super().__init__(f"{name} did not answer within {seconds:.0f} s; the end of {log}:\n{tail}")


class StopRequested(EmbeddedError):
    """Somebody asked for the end while a child was starting: go home quietly."""
