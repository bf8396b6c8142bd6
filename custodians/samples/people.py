"""Sixty people who do not exist, the same at every run: names from two lists, addresses that reach nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Final

COUNT: Final = 60

FIRST: Final = (
    "Ada", "Bruno", "Chiara", "Dmitri", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katarzyna", "Liam",
    "Mei", "Noor", "Oskar", "Priya", "Quentin", "Rosa", "Stellan", "Tala",
)  # fmt: skip
LAST: Final = (
    "Lindqvist", "Keller", "Moretti", "Novak", "Yilmaz", "Haddad", "Baumann", "Fontaine", "Ferreira", "Petersen",
    "Wolska", "Murphy", "Zhang", "van Dijk", "Halvorsen", "Raman", "Dubois", "Castillo", "Berg", "Reyes",
)  # fmt: skip
STREETS: Final = ("Mill Lane", "Harbour Street", "Chestnut Road", "Old Market", "Station Square", "Riverside")
CITIES: Final = ("Northbridge", "Eastvale", "Southmere", "Westhaven", "Kingsford")
MODELS: Final = ("Phone 7", "Phone 9 mini", "Tablet 4", "Laptop 13", "TV stick")
ARTICLES: Final = ("teapot", "desk lamp", "rucksack", "headphones", "notebook", "bicycle bell", "scarf", "chess set")

ACCESS: Final = "ada.lindqvist@example.com"
"""Whose access request the demo drives to its end."""

ERASURE: Final = "bruno.keller@example.org"
"""Whose erasure request the demo drives to its end."""

LAST_DAY: Final = date(2026, 10, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Something that somebody logged in with."""

    id: str
    customer: str
    model: str
    last_seen_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody made up. E-mail domains are reserved (RFC 2606), phone numbers are kept for drama by Ofcom."""

    customer: str
    name: str
    email: str
    phone: str
    born_on: date
    street: str
    city: str
    joined_on: date
    devices: tuple[Device, ...]


def everybody() -> list[Person]:
    """Return all people, always the same."""
    return [person(n) for n in range(COUNT)]


def person(n: int) -> Person:
    """Return person *n*. The first two are those of the demo."""
    first, last = FIRST[n % len(FIRST)], LAST[(n + n // len(FIRST) * 7) % len(LAST)]
    local = f"{first}.{last}".lower().replace(" ", "")
    customer = f"c-{1001 + n}"
    return Person(
        customer=customer,
        name=f"{first} {last}",
        email=f"{local}@example.{'org' if n % 2 else 'com'}",
        phone=f"+447700900{n:03d}",
        born_on=date(1950, 1, 1) + timedelta(days=number(50 * 365, "born", n)),
        street=f"{1 + number(120, 'house', n)} {chosen(STREETS, 'street', n)}",
        city=chosen(CITIES, "city", n),
        joined_on=LAST_DAY - timedelta(days=number(12 * 365, "joined", n)),
        devices=tuple(_device(n, i, customer) for i in range(1 + number(3, "devices", n))),
    )


def _device(n: int, i: int, customer: str) -> Device:
    return Device(
        id=f"d-{drawn('device', n, i).hex()[:12]}",
        customer=customer,
        model=chosen(MODELS, "model", n, i),
        last_seen_on=LAST_DAY - timedelta(days=number(300, "seen", n, i)),
    )


def drawn(*of: object) -> bytes:
    """Draw bytes by lot: the same for the same words, at every run."""
    return sha256(f"made-up people: {of}".encode()).digest()


def number(below: int, *of: object) -> int:
    """Draw a number."""
    return int.from_bytes(drawn(*of)[:4], "big") % below


def chosen(among: Sequence[str], *of: object) -> str:
    """Draw one of a list."""
    return among[number(len(among), *of)]
