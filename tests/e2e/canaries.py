"""People whose every value occurs nowhere else, put into the samples' stores past their custodians."""

import io
import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pyarrow as pa
import pyarrow.parquet as pq

from tests.e2e.program import Machine
from tests.e2e.stores import add_file, connected

ADD_PROFILE = """
insert into customer (id, email, name, phone, born_on, street, city, joined_on, password_hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
ADD_DEVICE = "insert into device (id, customer, model, last_seen_on) values ($1, $2, $3, $4)"
ADD_ORDER = """
insert into shop.purchase (id, customer, placed_on, article, quantity, total) values ($1, $2, $3, $4, $5, $6)
"""
ADD_INVOICE = "insert into shop.invoice (number, customer, issued_on, total, vat) values ($1, $2, $3, $4, $5)"
RECENTLY = date(2026, 1, 2)  # an invoice that tax law still wants


@dataclass(slots=True)
class Mint:
    """Makes values that occur nowhere else: texts share a mark, figures and days are remembered one by one."""

    mark: str = field(default_factory=lambda: str(secrets.randbelow(9 * 10**11) + 10**11))  # twelve digits
    figures: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=count)

    def text(self) -> str:
        return f"{self.mark}{next(self._numbers):03d}"

    def amount(self) -> Decimal:
        return Decimal(self._remembered(f"{secrets.randbelow(9 * 10**7) + 10**7}.{secrets.randbelow(90) + 10}"))

    def quantity(self) -> int:
        return int(self._remembered(str(1_200_000_000 + secrets.randbelow(10**8))))

    def day(self) -> date:
        made = date(1901, 1, 1) + timedelta(days=secrets.randbelow(365 * 10))
        self._remembered(made.isoformat())
        return made

    def marks(self) -> set[str]:
        """What to look for."""
        return {self.mark, *self.figures}

    def _remembered(self, figure: str) -> str:
        self.figures.add(figure)
        return figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Somebody made up, for as long as the test runs."""

    email: str
    customer: str
    device: str
    order: str


async def moved_in(machine: Machine, mint: Mint, n: int) -> Canary:
    """Put a new person into every store."""
    canary = Canary(
        email=f"canary.{mint.text()}@example.com",
        customer=f"c-{mint.text()}",
        device=f"d-{mint.text()}",
        order=f"o-{mint.text()}",
    )
    await _profile(machine, mint, canary)
    await _shopping(machine, mint, canary)
    add_file(machine, f"events/2026-02-{n:02d}.jsonl", b"".join(_events(mint, canary)))
    add_file(machine, f"recommendations/2026-02-{n:02d}.parquet", _recommendations(mint, canary))
    return canary


async def _profile(machine: Machine, mint: Mint, canary: Canary) -> None:
    connection = await connected(machine, "sample_user_profiles")
    try:
        street, city = f"{mint.text()} Lane", f"Town {mint.text()}"
        person = (f"Name {mint.text()}", f"+{mint.text()}", mint.day(), street, city, mint.day(), mint.text())
        await connection.execute(ADD_PROFILE, canary.customer, canary.email, *person)
        await connection.execute(ADD_DEVICE, canary.device, canary.customer, f"Model {mint.text()}", mint.day())
    finally:
        await connection.close()


async def _shopping(machine: Machine, mint: Mint, canary: Canary) -> None:
    connection = await connected(machine, "sample_transaction_history")
    try:
        order = (mint.day(), f"article {mint.text()}", mint.quantity(), mint.amount())
        await connection.execute(ADD_ORDER, canary.order, canary.customer, *order)
        for issued_on in (mint.day(), RECENTLY):
            invoice = (f"i-{mint.text()}", canary.customer, issued_on, mint.amount(), mint.amount())
            await connection.execute(ADD_INVOICE, *invoice)
    finally:
        await connection.close()


def _events(mint: Mint, canary: Canary) -> Iterable[bytes]:
    for customer in (canary.customer, None):
        event = {
            "event": mint.text(),
            "at": f"{mint.day()}T00:00:00Z",
            "device": {"id": canary.device, "model": f"Model {mint.text()}"},
            "customer": customer,
            "article": f"article {mint.text()}",
            "experiment": f"ranking {mint.text()}",
        }
        yield json.dumps(event).encode() + b"\n"


def _recommendations(mint: Mint, canary: Canary) -> bytes:
    row = {"id": mint.text(), "device": canary.device, "customer": canary.customer, "article": mint.text()}
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{**row, "score": 0.5}]), sink)
    return sink.getvalue()
