"""Unambiguous joining of byte fields: what is hashed or signed as one must not be read as another."""

import struct


def framed(*fields: bytes) -> bytes:
    """Join *fields*, each behind its length as an unsigned 32-bit big-endian number.

    Plain concatenation is ambiguous: ("ab", "c") and ("a", "bc") would be signed alike.
    """
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)
