"""A home of one machine: its keys and passwords, each made once, each readable by its owner only."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import yaml
from sqlalchemy import make_url

from contracts.command import Lane
from contracts.keys import SigningKey
from orchestrator.embedded.home import write_private
from orchestrator.settings import Role, Settings
from orchestrator.vault.kms import FileKms

KEY_BYTES = 32
PASSWORD_BYTES = 24
TRUST_LIST = """\
# Whose signatures count under an erasure, two of them at a time. `dsar approver init` prints the lines to add here.
# [[approver]]
# staff = "st_…"
# public = "…"
"""


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

    def furnish(self, settings: Settings, secret: Callable[[int], bytes]) -> None:
        """Make what is missing; what is there stays as it is."""
        (self.root / "keys").mkdir(parents=True, exist_ok=True, mode=0o700)
        for kek in (settings.link_kek(), settings.reply_kek()):
            if not kek.exists():
                FileKms.create(kek, secret(KEY_BYTES))
        if not settings.blind_key().exists():
            settings.blind_key().touch(mode=0o600)
            settings.blind_key().write_bytes(secret(KEY_BYTES))
        for lane in Lane:
            if not settings.command_key(lane).exists():
                SigningKey.generate(secret(KEY_BYTES)).save(settings.command_key(lane))
        self.furnish_logins(secret)
        if not settings.approvers().exists():
            write_private(settings.approvers(), TRUST_LIST)
        self._publish(settings)

    def furnish_logins(self, secret: Callable[[int], bytes]) -> None:
        """Make the passwords of the database logins, once."""
        self.logins.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.logins.exists():
            passwords = {role.login: secret(PASSWORD_BYTES).hex() for role in Role}
            write_private(self.logins, json.dumps(passwords))

    def _publish(self, settings: Settings) -> None:
        rows = [
            {"lane": lane.value, "public": b64encode(SigningKey.load(settings.command_key(lane)).public).decode()}
            for lane in Lane
        ]
        self.command_keys.write_text(yaml.safe_dump(rows), encoding="utf-8")

    def passwords(self) -> dict[str, str]:
        """The password of each database login."""
        found: dict[str, str] = json.loads(self.logins.read_text(encoding="utf-8"))
        return found

    def url_of(self, role: Role, owner_url: str) -> str:
        """The address of the owner's database for *role*."""
        url = make_url(owner_url).set(username=role.login, password=quote(self.passwords()[role.login]))
        return url.render_as_string(hide_password=False)
