"""`python -m contracts.schemas` writes the documents anew; a test compares them with the code."""

from pathlib import Path

from contracts.schemas.documents import documents

for name, text in documents().items():
    Path(__file__).with_name(name).write_text(text)
