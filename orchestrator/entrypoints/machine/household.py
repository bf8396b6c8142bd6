"""A home of one machine: where its keys and passwords are, and under which logins its database is asked."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from orchestrator.settings import Role


@dataclass(frozen=True, slots=True)
class Household:
    """The files of a home, beside what the embedded services keep there."""

    root: Path

    @property
    def command_keys(self) -> Path:
        """The public command keys, as custodians pin them."""
        return self.root / "keys" / "command-keys.yaml"

    @property
    def logins(self) -> Path:
        """The passwords of the database logins."""
        return self.root / "keys" / "logins.json"

    @property
    def token(self) -> Path:
        """The admin token of this machine's own CLI."""
        return self.root / "token"

    def passwords(self) -> dict[str, str]:
        """The password of each database login."""
        found: dict[str, str] = json.loads(self.logins.read_text(encoding="utf-8"))
        return found

    def url_of(self, role: Role, owner_url: str) -> str:
        """The address of the owner's database for *role*."""
        return logged_in(owner_url, role.login, self.passwords()[role.login])


def logged_in(url: str, login: str, password: str, *, database: str | None = None) -> str:
    """The same server under another login; and another of its databases, if one is named."""
    parts = urlsplit(url)
    where = f"{quote(login, safe='')}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}"
    return parts._replace(netloc=where, path=parts.path if database is None else f"/{database}").geturl()
