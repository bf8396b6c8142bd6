"""Write the generated blocks of the papers anew."""

from tests.unit.papers.blocks import BLOCKS
from tests.unit.papers.places import with_block

for (name, paper), written in BLOCKS.items():
    paper.write_text(with_block(name, paper, written()), encoding="utf-8")
