"""What can go wrong with a home; apart from what sets it up, so that who tells of it needs none of that."""


class NotSetUp(RuntimeError):
    """The home could not be set up. The message is what was said, the code that of a command that fails so."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code
