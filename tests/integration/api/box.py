"""Dead letters without a broker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from contracts.dead_letter import DeadLetter, Refusal
from orchestrator.entrypoints.api.letters import Letter, Unreachable


@dataclass
class Box:
    """Dead letters in memory."""

    letters: list[Letter] = field(default_factory=list)
    replayed: list[Letter] = field(default_factory=list)
    broken: bool = False

    async def newest(self, *, limit: int, after: Mapping[int, int] | None = None) -> Sequence[Letter]:
        if self.broken:
            raise Unreachable("the broker does not answer")
        return [each for each in self.letters if each.offset > (after or {}).get(each.partition, -1)][:limit]

    async def read(self, partition: int, offset: int) -> Letter | None:
        return next((each for each in self.letters if (each.partition, each.offset) == (partition, offset)), None)

    async def replay(self, letter: Letter) -> None:
        if self.broken:
            raise Unreachable("the broker does not answer")
        self.replayed.append(letter)


def a_letter(offset: int = 3) -> Letter:
    letter = DeadLetter(
        environment="test", reader="engine", topic="dsar.answers.v1", partition=2, offset=40,
        refusal=Refusal.BAD_SIGNATURE, at=1_760_000_000, value="c2VjcmV0", value_bytes=6, headers=(("kid", "YQ=="),),
    )  # fmt: skip
    return Letter(partition=0, offset=offset, letter=letter)
