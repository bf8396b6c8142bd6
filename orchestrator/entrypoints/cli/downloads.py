"""Writing what the API streams into a file: whole and checked, or not at all."""

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from orchestrator.entrypoints.cli.client import talking
from orchestrator.entrypoints.cli.codes import Code, Failed
from orchestrator.entrypoints.cli.output import AsJson, as_document, line


def save(chunks: Iterable[bytes], file: Path, *, digest: str | None = None) -> tuple[int, str]:
    """Write *chunks* to a file that only its owner can read; return size and SHA-256. An existing file stays."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    seen, size = sha256(), 0
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
            for chunk in chunks:
                seen.update(chunk)
                size += target.write(chunk)
        if digest is not None and seen.hexdigest() != digest:
            raise Failed(Code.UNREACHABLE, "the download broke off or was altered; nothing was kept, try again")
        os.link(unfinished, file)
    except FileExistsError:
        raise Failed(Code.CONFLICT, f"{file} exists and stays; name another file") from None
    except OSError:
        raise Failed(Code.USAGE, f"{file} cannot be written") from None
    finally:
        unfinished.unlink(missing_ok=True)
    return size, seen.hexdigest()


def report(
    id_: Annotated[UUID, typer.Argument(metavar="ID", help="The request's id.")],
    *,
    out: Annotated[Path, typer.Option("--out", help="The ZIP file to write; only you can read it.")],
    as_json: AsJson = False,
) -> None:
    """Fetch the report of an access request; that you did goes into the log, and the first time ends the request."""
    with talking(as_json=as_json) as api:
        if out.exists():
            raise Failed(Code.CONFLICT, f"{out} exists and stays; name another file")
        with api.stream(f"/requests/{id_}/report") as response:
            size, digest = save(response.iter_bytes(), out, digest=response.headers["x-dsar-digest"])
    if as_json:
        as_document({"file": str(out), "bytes": size, "sha256": digest})
    else:
        line(f"{out}  {size} bytes, SHA-256 {digest}")
        line("next: unzip it and open index.html")
