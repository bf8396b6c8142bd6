"""Free TCP ports on the loopback address."""

import errno
import secrets
import socket
from collections.abc import Collection

LOOPBACK = "127.0.0.1"
# below the range from which Linux, macOS and Windows give ports to outgoing connections: a kept port stays free
FIRST, LAST = 20_000, 29_999


def choose_port(*, avoid: Collection[int] = ()) -> int:
    """Find a port on which nothing listens at this moment."""
    while True:
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)
        if port not in avoid and is_free(port):
            return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT is no listener
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
